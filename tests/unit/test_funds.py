"""Cash by currency: as a broker tells it, kept in the journal, and valued at a rate with its time."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import pytest

from openbell.app.follower import Follower
from openbell.app.views import account_of
from openbell.cli import main
from openbell.cli.funds import tell_funds
from openbell.cli.standings import Standing
from openbell.core.account import Account
from openbell.execution.port import Foreign
from openbell.storage.entries import Entry
from openbell.trading.funds import Funds, own_funds, told_funds
from openbell.trading.ledger import Ledger
from openbell.trading.reconcile import Policy
from tests.loopback.direct import Direct
from tests.unit.router_acts import buy
from tests.unit.test_reconcile import entries, exchange, held_before
from tests.unit.trading_by_hand import Life, scripted


def euros(rate: str) -> Foreign:
    return Foreign("EUR", Decimal(2000), Decimal(rate))


async def live(folder: Path, *rates: str) -> Life:
    """Return the end of a session on an account that holds euros, whose rate moves."""
    x = exchange()
    broker = Direct(x)
    broker.foreign = (euros(rates[0]),)
    life = Life(folder, x, broker, {"s": scripted({1: buy})})
    life.start()
    await life.moment(0, 100)
    for rate in rates:
        broker.foreign = (euros(rate),)
        life.session._examiner.ask()
        await life.rest()
    return life


async def test_a_rate_that_moves_is_no_difference_and_the_last_is_kept_with_its_time(tmp_path: Path) -> None:
    life = await live(tmp_path, "1.08", "1.10", "1.12")
    told = entries(life, "power")
    assert [entries(life, kind) for kind in ("alarm", "condition")] == [[], []]
    assert told[-1]["cash"] == {"USD": str(life.exchange.cash), "EUR": "2000"}
    assert told[-1]["rates"] == {"EUR": "1.12"}
    assert told[-1]["time"] == life.exchange.time
    await life.end()
    one = Follower(tmp_path)
    one.refresh()
    account = account_of(one)
    one.close()
    euro = account.cash[1]
    assert (account.currency, euro.currency, euro.amount, euro.rate) == ("USD", "EUR", 2000.0, 1.12)
    assert account.worth == pytest.approx(float(life.exchange.cash) + 2240.0)
    assert account.time == told[-1]["time"]


@pytest.mark.parametrize("command", ["status", "positions"])
async def test_the_terminal_shows_cash_by_currency_valued_in_the_accounts(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    life = await live(tmp_path / "live", "1.08")
    await life.end()
    cash = float(life.exchange.cash)
    assert main([command, "--state", str(tmp_path)]) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert f"cash {cash:,.2f} USD, 2,000.00 EUR at 1.08, together {cash + 2160:,.2f} USD; equity" in said
    main([command, "--state", str(tmp_path), "--json"])
    (account,) = json.loads(capfd.readouterr().out)["accounts"]
    assert account["cash"] == {"USD": cash, "EUR": 2000.0}
    assert (account["rates"], account["worth"]) == ({"EUR": 1.08}, cash + 2160.0)
    assert account["equity"] == float(life.exchange.equity) + 2160.0
    assert account["buying_power"] == float(life.exchange.buying_power)


@pytest.mark.parametrize("command", ["status", "positions"])
async def test_what_was_taken_over_before_the_first_bar_is_shown_at_its_average(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    x = held_before()
    life = Life(tmp_path / "live", x, Direct(x), {"s": scripted({})}, policy=Policy(positions="adopt"))
    life.start()
    await life.rest()
    await life.end()
    assert main([command, "--state", str(tmp_path), "--json"]) == 0
    (account,) = json.loads(capfd.readouterr().out)["accounts"]
    assert account["equity"] == float(x.equity)


def ledger(cash: float) -> Ledger:
    return Ledger(Account(cash))


def test_without_a_broker_it_is_what_the_strategies_have_together() -> None:
    def begun(*currencies: str) -> dict[str, object]:
        return {
            "strategies": [
                {"name": f"s{at}", "instruments": [{"symbol": "A", "currency": currency}]}
                for at, currency in enumerate(currencies)
            ]
        }

    ledgers = {"s0": ledger(100.0), "s1": ledger(50.0)}
    same = own_funds(begun("EUR", "EUR"), ledgers, lambda _: 0.0, 7)
    assert (same.time, same.currency, same.cash, same.equity) == (7, "EUR", {"EUR": 150.0}, 150.0)
    two = own_funds(begun("EUR", "USD"), ledgers, lambda _: 0.0, 7)
    assert (two.currency, two.cash, two.rate("EUR")) == ("", {"EUR": 100.0, "USD": 50.0}, None)
    assert math.isnan(two.worth)
    assert math.isnan(two.equity)
    assert own_funds({}, {"s0": ledger(1.0)}, lambda _: 0.0, 7).currency == "USD"


def test_the_terminal_says_that_no_rate_is_known_between_two_currencies() -> None:
    def say(funds: Funds) -> str:
        one = Standing(
            Path("s"),
            "stopped",
            starting=0,
            pid=0,
            has_standby=False,
            heard=0,
            age=None,
            time=0,
            ledgers={"s0": ledger(1.0)},
            prices={},
            failed={},
            can_go_on=False,
            funds=funds,
        )
        (line,), (told,) = tell_funds([one])
        assert told["worth"] == (None if not funds.currency else funds.worth)
        return line

    two = Funds(7, "", {"EUR": 100.0, "USD": 50.0}, {}, math.nan)
    assert say(two) == "s: cash 100.00 EUR, 50.00 USD; no rate between them is known"
    assert (
        say(Funds(0, "EUR", {"EUR": 5.0}, {}, 7.0)) == "s: cash 5.00 EUR; equity 7.00 EUR, 1970-01-01 00:00Z"
    )


def test_a_strategy_without_instruments_has_the_usual_currency() -> None:
    assert (
        own_funds({"strategies": [{"name": "s0"}]}, {"s0": ledger(1.0)}, lambda _: 0.0, 7).currency == "USD"
    )


def test_a_journal_of_an_earlier_version_has_no_cash_of_the_account() -> None:
    old = Entry(1, 0, 0, "power", "", "", "", {"power": "5", "since": 0})
    assert told_funds(old) is None
    assert Funds(0, "USD", {"USD": 1.0}, {}, 1.0).rate("USD") == 1.0
