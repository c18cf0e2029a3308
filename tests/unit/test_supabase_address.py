import pytest

from openbell.core.errors import ConfigError
from openbell.storage.supabase.address import Address, address_of, needed
from openbell.storage.supabase.tables import DERIVED, FILLS, arrays_of
from openbell.utils.logging import hide

SECRET = "s3cr3t-word"  # noqa: S105  # of nobody
OWNER = "00000000-0000-0000-0000-00000000000a"


def read(url: str, **more: str) -> Address:
    return needed(address_of({"SUPABASE_DB_URL": url, **more}))


@pytest.mark.parametrize(
    ("url", "kind", "port", "keeps"),
    [
        (f"postgresql://postgres:{SECRET}@db.abc.supabase.co:5432/postgres", "direct", 5432, True),
        (f"postgres://postgres:{SECRET}@db.abc.supabase.co", "direct", 5432, True),
        (
            f"postgresql://postgres.abc:{SECRET}@aws-0-eu.pooler.supabase.com:6543/postgres",
            "transaction pooler", 6543, False,
        ),
        (
            f"postgresql://postgres.abc:{SECRET}@aws-0-eu.pooler.supabase.com:5432/postgres",
            "session pooler", 5432, True,
        ),
    ],
)  # fmt: skip
def test_an_address_says_what_answers_there_and_hides_its_password(
    url: str, kind: str, port: int, *, keeps: bool
):
    address = read(url, SUPABASE_OWNER=OWNER)
    assert (address.kind, address.port, address.keeps_session) == (kind, port, keeps)
    assert (address.password, address.database, str(address.owner)) == (SECRET, "postgres", OWNER)
    assert address.options == {"sslmode": "require"}
    for shown in (str(address), repr(address), hide(url), hide(f"it was {SECRET}!")):
        assert SECRET not in shown


def test_signs_of_a_password_are_read_as_urls_write_them():
    assert read("postgresql://u:of%40no%2Fbody%23@127.0.0.1:5433/db").password == "of@no/body#"  # noqa: S105  # of nobody


def test_a_server_of_this_machine_needs_no_encryption_and_may_be_a_socket():
    assert read("postgresql://u:of-nobody@127.0.0.1/db").options == {}
    socket = read("postgresql:///db?host=/run/pg&port=5433&user=me&password=of-nobody")
    assert (socket.host, socket.port, socket.user, socket.password) == ("/run/pg", 5433, "me", "of-nobody")
    assert read("postgresql://u:of-nobody@example.com/db?sslmode=verify-full").options == {
        "sslmode": "verify-full"
    }


def test_where_none_is_configured_there_is_none():
    assert address_of({"SUPABASE_DB_URL": " "}) is None
    with pytest.raises(ConfigError, match="SUPABASE_DB_URL is not set"):
        needed(None)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@more@host/db",
        f"postgresql://u:{SECRET}/x@host/db",
        f"postgresql://u:{SECRET}#x@host/db",
        f"postgresql://u:{SECRET}[x@host/db",
        f"postgresql://u:{SECRET}@host:port/db",
        f"postgresql://u:{SECRET}@host:0/db",
        f"mysql://u:{SECRET}@host/db",
        f"host=x password={SECRET}",
    ],
)
def test_an_address_that_cannot_be_understood_is_refused_without_repeating_it(url: str):
    with pytest.raises(ConfigError, match="cannot be understood; it should be like") as caught:
        read(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_missing_or_left_over_is_named():
    with pytest.raises(ConfigError, match="still has the placeholder"):
        read("postgresql://postgres:[YOUR-PASSWORD]@db.abc.supabase.co:5432/postgres")
    with pytest.raises(ConfigError, match="names no host"):
        read("postgresql:///db")
    with pytest.raises(ConfigError, match="SUPABASE_OWNER='anne' is no user's id"):
        read("postgresql://u:of-nobody@127.0.0.1/db", SUPABASE_OWNER="anne")


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.1", True), ("localhost", True), ("db.abc.supabase.co", False)]
)
def test_an_address_knows_whether_it_is_on_this_computer(host, here):
    assert needed(read(f"postgresql://u:of-nobody@{host}/db")).is_here == here


def test_rows_go_as_one_array_a_column_with_exact_decimals():
    row = (1, 2, "s\0", 3, "A\ud800", -1, 0.1, 1e-07, 1e16, 5, 9)
    assert arrays_of(FILLS, [row, row]) == [
        f"{{{word},{word}}}"
        for word in (
            "1",
            "2",
            '"s\N{REPLACEMENT CHARACTER}"',
            "3",
            '"A?"',
            "-1",
            "0.1",
            "1e-07",
            "1e+16",
            "5",
            "9",
        )
    ]


def test_what_is_not_there_is_no_word():
    assert arrays_of(FILLS, [(1, None, "NULL", *7 * (None,), 9)])[:3] == ["{1}", "{NULL}", '{"NULL"}']


@pytest.mark.parametrize("table", DERIVED, ids=lambda table: table.name)
def test_a_row_that_is_there_is_brought_up_to_date_unless_it_is_final(table):
    assert ("do nothing" in table.statement) == table.final
    assert table.statement.count("%s") == 2 + len(table.names)
