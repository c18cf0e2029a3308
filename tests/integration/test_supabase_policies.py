"""Who sees and writes what, on a real Postgres with Supabase's roles."""

from uuid import UUID

import psycopg
import pytest
from psycopg import errors
from tests.postgres.server import ANNE, BERT, Project

from openbell.storage.supabase.tables import ALL

ROWS = {
    "journals": """insert into journals (id, owner, account, copied, digest)
        values ('{j}', '{o}', 'paper', 1, '')""",
    "events": """insert into events
        (journal, seq, owner, time, wall, kind, strategy, subject, trace, body, digest)
        values ('{j}', 1, '{o}', 1, 1, 'session', '', '', '', '{{}}', '')""",
    "runs": """insert into runs (journal, run, owner, state, about, began, time)
        values ('{j}', 1, '{o}', 'begun', '{{}}', 1, 1)""",
    "strategies": """insert into strategies
        (journal, run, strategy, owner, origin, parameters, initial_cash, cash, failed)
        values ('{j}', 1, 's', '{o}', 's', '{{}}', 1, 1, '')""",
    "orders": """insert into orders (journal, run, strategy, id, owner, symbol, side, type, tif, quantity,
        trail_percent, parent, oco, tag, status, reason, open, filled, average, fees, decided, seq)
        values ('{j}', 1, 's', 1, '{o}', 'A', 1, 'market', 'gtc', 1, false, 0, 0, '', 'filled', '', false,
        1, 1, 0, 1, 1)""",
    "fills": """insert into fills
        (journal, seq, run, strategy, order_id, owner, symbol, side, quantity, price, fee, slippage, time)
        values ('{j}', 1, 1, 's', 1, '{o}', 'A', 1, 1, 1, 0, 0, 1)""",
    "positions": """insert into positions
        (journal, run, strategy, symbol, owner, quantity, average, realised, fees, dividends, borrow, seq)
        values ('{j}', 1, 's', 'A', '{o}', 1, 1, 0, 0, 0, 0, 1)""",
    "equity": """insert into equity (journal, run, strategy, time, owner, equity, cash, gross)
        values ('{j}', 1, 's', 1, '{o}', 1, 1, 0)""",
    "account_snapshots": """insert into account_snapshots
        (journal, seq, run, owner, occasion, equity, cash, gross, time)
        values ('{j}', 1, 1, '{o}', 'day', 1, 1, 0, 1)""",
    "alerts": """insert into alerts (journal, seq, run, owner, level, kind, strategy, said, time)
        values ('{j}', 1, 1, '{o}', 'error', 'failed', 's', 'it broke', 1)""",
}
JOURNALS = {ANNE: UUID(int=1), BERT: UUID(int=2)}


def insert(table: str, owner: UUID, *, journal: UUID | None = None) -> bytes:
    return ROWS[table].format(j=journal or JOURNALS[owner], o=owner).encode()


@pytest.fixture
def two_users(project: Project) -> Project:
    """A row of each table for each of two users, written by the service role."""
    with project.admin() as connection:
        connection.execute("set role service_role")
        for owner in JOURNALS:
            for table in ROWS:
                connection.execute(insert(table, owner))
    return project


def owners(connection: psycopg.Connection[tuple[UUID]], table: str) -> list[UUID]:
    return [owner for (owner,) in connection.execute(f"select owner from {table} order by owner".encode())]


def test_every_table_is_tried():
    assert set(ROWS) == set(ALL)


@pytest.mark.parametrize("table", ALL)
def test_a_user_sees_own_rows_and_no_others(two_users: Project, table: str):
    for user in (ANNE, BERT):
        with two_users.signed_in("authenticated", user) as connection:
            assert owners(connection, table) == [user]


def test_a_user_without_rows_sees_none_and_the_service_role_sees_all(two_users: Project):
    with two_users.signed_in("authenticated", UUID(int=0xC)) as connection:
        assert [owners(connection, table) for table in ALL] == [[]] * len(ALL)
    with two_users.signed_in("authenticated") as connection:  # a token that names nobody
        assert [owners(connection, table) for table in ALL] == [[]] * len(ALL)
    with two_users.signed_in("service_role") as connection:
        assert [owners(connection, table) for table in ALL] == [[ANNE, BERT]] * len(ALL)


@pytest.mark.parametrize("table", ALL)
def test_who_is_not_signed_in_is_refused(two_users: Project, table: str):
    for verb in ("select 1 from {t}", "delete from {t}", "update {t} set owner = owner"):
        with two_users.signed_in("anon") as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(verb.format(t=table).encode())
    with two_users.signed_in("anon") as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(insert(table, ANNE))


@pytest.mark.parametrize("owner", [ANNE, BERT], ids=["own", "forged"])
@pytest.mark.parametrize("table", ALL)
def test_a_user_writes_nothing_in_own_name_or_a_forged_one(two_users: Project, table: str, owner: UUID):
    two_users.tell(f"delete from {table} where owner = '{owner}'" if table != "journals" else "select 1")
    for statement in (
        insert(table, owner),
        f"update {table} set owner = '{owner}'".encode(),
        f"delete from {table}".encode(),
        f"truncate {table}".encode(),
    ):
        with (
            two_users.signed_in("authenticated", ANNE) as connection,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


@pytest.mark.parametrize("table", [table for table in ALL if table != "journals"])
def test_even_the_service_role_cannot_give_a_row_another_owner_than_its_journals(
    two_users: Project, table: str
):
    two_users.tell(f"delete from {table}")
    with two_users.signed_in("service_role") as connection, pytest.raises(errors.ForeignKeyViolation):
        connection.execute(insert(table, BERT, journal=JOURNALS[ANNE]))


def test_a_journal_is_of_a_user_that_exists(two_users: Project):
    with two_users.signed_in("service_role") as connection, pytest.raises(errors.ForeignKeyViolation):
        connection.execute(insert("journals", UUID(int=0xC), journal=UUID(int=3)))


def test_a_journal_that_changes_hands_takes_its_rows_along(two_users: Project):
    two_users.tell(f"update journals set owner = '{BERT}' where owner = '{ANNE}'")
    with two_users.signed_in("authenticated", BERT) as connection:
        assert [owners(connection, table) for table in ALL] == [[BERT, BERT]] * len(ALL)


def test_a_user_marks_own_alerts_as_seen_and_changes_nothing_else(two_users: Project):
    mark = b"update alerts set acknowledged_at = now() returning owner"
    with two_users.signed_in("authenticated", ANNE) as connection:
        assert connection.execute(mark).fetchall() == [(ANNE,)]
    for change in ("said = ''", f"owner = '{BERT}'", "level = 'info'"):
        with (
            two_users.signed_in("authenticated", ANNE) as connection,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            connection.execute(f"update alerts set {change}".encode())
