"""Fixtures that several files of this folder take."""

from tests.postgres.fixtures import empty_project, own_project, postgres, project, source

__all__ = ["empty_project", "own_project", "postgres", "project", "source"]
