"""Whatever the order in which a broker's words arrive, and how often: the books are the exchange's."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.loopback.direct import BARE, EVERYTHING, Direct, execution_of_fill, placed_of
from tests.loopback.exchange import Event, Exchange, Refusal
from tests.unit.trading_by_hand import INSTRUMENTS, MINUTE, START, bar, floor_of
from tests.unit.trading_chaos import Busy

from openbell.core.types import OrderStatus
from openbell.execution.port import Capabilities, Execution, Report
from openbell.storage.journal import Journal
from openbell.trading.ledger import fold
from openbell.trading.rehearsal import Rehearsal
from openbell.trading.route import Answer, Outcome, Send
from openbell.trading.wire import body_of_heard

RESERVING = replace(EVERYTHING, reserves=True)

#: A price move in quarters and a size; or what waits is told, and may stay to come twice; or it is lost.
moves = st.tuples(st.just("move"), st.integers(-8, 8), st.sampled_from([None, 2, 5, 30]))
tellings = st.tuples(st.just("tell"), st.integers(0, 50), st.booleans())
losses = st.tuples(st.just("lose"), st.integers(0, 50), st.booleans())
steps = st.lists(st.one_of(moves, tellings, tellings, tellings, losses), max_size=60)


class Play:
    """A floor and an exchange; between them a heap of what the exchange has said, told in any order."""

    def __init__(self, folder: Path, capabilities: Capabilities) -> None:
        self.x = Exchange(INSTRUMENTS, time=START, margin=None, fee=Decimal("0.01"))
        self.direct = Direct(self.x, capabilities)
        self.x.listeners.append(self._heap)
        self.heap: list[Report | Execution | Answer] = []
        self.capabilities = capabilities
        self.journal = Journal(folder / "play.db", account="play")
        self.floor = floor_of(self.journal, {"s": Busy}, capabilities=capabilities, initial=0.01)
        self.floor.courses["s"].begin()
        self.x.trade("A", 100)
        self.minute = 0
        self.take("start", {})

    def _heap(self, event: Event) -> None:
        self.heap.append(self.direct.report_of_order(event.order))
        if event.fill is not None:
            self.heap.append(execution_of_fill(event.fill))

    def take(self, kind: str, body: Any) -> None:
        time = max(self.floor.time, START)
        self.journal.append(kind, body, time=time, wall=0)
        self.floor.apply(kind, body, time)
        for send in self.floor.router.take_outgoing():
            self._serve(send)

    def _serve(self, send: Send) -> None:
        outcome, said = Outcome.DONE, ""
        try:
            if send.call == "place":
                assert send.order is not None
                self.x.place(placed_of(send.order), **_exits(send))
            elif send.call == "replace":
                assert send.order is not None
                old = self.x.find(send.target)
                assert old is not None
                order = send.order
                terms = {"quantity": order.quantity, "limit": order.limit, "stop": order.stop}
                self.x.replace(old.id, order.client_id, **terms)
            else:
                found = self.x.find(send.target)
                assert found is not None
                self.x.cancel(found.id)
        except Refusal as error:
            outcome, said = Outcome.REFUSED, error.said
        self.heap.append(Answer(send.call, send.client_id, outcome, self.floor.time, said))

    def move(self, quarters: int, size: int | None) -> None:
        self.minute += 1
        price = max((self.x.lines["A"].last or Decimal(0)) + Decimal(quarters) / 4, Decimal(20))
        self.x.trade("A", price, size)
        self.floor.time = START + (self.minute + 1) * MINUTE
        self.take("moment", {"bars": [list(bar(self.minute, float(price)))]})

    def tell(self, which: int, *, stays: bool) -> None:
        if self.heap:
            index = which % len(self.heap)
            self.hear(self.heap[index] if stays else self.heap.pop(index))

    def lose(self, which: int) -> None:
        """Lose a report or a fill: an answer is never lost for good, as it is asked for."""
        heard = [one for one in self.heap if not isinstance(one, Answer)]
        if heard:
            self.heap.remove(heard[which % len(heard)])

    def hear(self, heard: Report | Execution | Answer) -> None:
        kind = {Report: "report", Execution: "execution", Answer: "answer"}[type(heard)]
        if not isinstance(heard, Answer) or (heard.call, heard.client_id) in self.floor.router.board.flights:
            self.take(kind, body_of_heard(heard))

    def settle(self) -> None:
        """Tell what is left, and what a request brings: every fill, and how each order stands."""
        for _ in range(20):
            while self.heap:
                self.tell(0, stays=False)
            for fill in self.x.fills:
                self.hear(execution_of_fill(fill))
            for order in list(self.x.orders.values()):
                self.hear(self.direct.report_of_order(order))
            if not self.heap:
                return


def _exits(send: Send) -> dict[str, Any]:
    assert send.order is not None
    legs = (send.client_id + "-tp", send.client_id + "-sl")
    return {"take_profit": send.order.take_profit, "stop_loss": send.order.stop_loss, "leg_ids": legs}


@settings(max_examples=100, deadline=None)
@given(steps=steps, capabilities=st.sampled_from([BARE, EVERYTHING, RESERVING]))
def test_any_interleaving_gives_the_books_of_the_exchange(
    steps: list[Any], capabilities: Capabilities
) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ends:
        play = Play(Path(folder), capabilities)
        ends.callback(play.journal._connection.close)  # where the books did not agree
        for kind, which, how in steps:
            if kind == "move":
                play.move(which, how)
            elif kind == "tell":
                play.tell(which, stays=how)
            else:
                play.lose(which)
        play.settle()
        x, floor = play.x, play.floor
        assert x.audit() == []
        assert floor.held() == {symbol: held for symbol, held in x.positions.items() if held}
        assert abs(floor.cash() - (x.cash - x.initial)) < Decimal("1e-6")
        assert not floor.router.short_of_fills()
        live = {one.client_id for one in x.working()}
        assert live <= {route.client_id for route in floor.router.open()}
        for one in x.working():  # what is at work to close a position is for no more than there is
            if one.reduce_only and one.status is not OrderStatus.HELD:
                held = -one.side * x.positions.get(one.symbol, Decimal(0))
                assert one.remaining <= max(held, Decimal(0)), one
        check_fold(play)


def check_fold(play: Play) -> None:
    """The journal's fold is the live state, and so is the journal gone through again."""
    play.journal.commit()
    entries = list(play.journal.read())
    again = floor_of(play.journal, {"s": Busy}, capabilities=play.capabilities, initial=0.01)
    rehearsal = Rehearsal(entries)
    again.courses["s"].scribe.rehearse(rehearsal)
    again.courses["s"].begin()
    for entry in rehearsal.inputs():
        again.apply(entry.kind, entry.body, entry.time)
    (ledger,) = fold(entries).values()
    play.journal.close()
    live, gone_through = (one.courses["s"].engine for one in (play.floor, again))
    assert ledger.account.cash == live.account.cash == gone_through.account.cash
    assert ledger.account.entries == live.account.entries == gone_through.account.entries
    for number, order in live.desk.orders.items():
        assert order.life == ledger.orders[number].life == gone_through.desk.orders[number].life
    assert again.router.unanswered() == play.floor.router.unanswered()
