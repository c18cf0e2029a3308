"""The fixtures of a database: one server for all tests of a process, and a new project for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openbell.storage.supabase.connection import connect
from openbell.storage.supabase.migrations import migrate
from tests.postgres.journals import trade
from tests.postgres.server import GivenServer, Project, Server, make_project, open_server, where


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server | GivenServer]:
    """A server that nobody stops."""
    server = open_server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished session's journal."""
    return trade(tmp_path_factory.mktemp("source"))


@pytest.fixture
def empty_project(postgres: Server | GivenServer) -> Iterator[Project]:
    """A project without tables."""
    project = make_project(postgres)
    yield project
    project.drop()


@pytest.fixture
def project(empty_project: Project) -> Project:
    """A project with our tables."""
    set_up(empty_project)
    return empty_project


@pytest.fixture
def own_project() -> Iterator[Project]:
    """A project with our tables on a server of its own, which the test may stop and start."""
    server = open_server()
    if not isinstance(server, Server):
        pytest.skip("OPENBELL_TEST_DATABASE_URL is somebody's server, which no test may stop")
    project = make_project(server)
    set_up(project)
    yield project
    server.close()


def set_up(project: Project) -> None:
    """Make our tables."""
    with connect(where(project)) as connection:
        migrate(connection)
