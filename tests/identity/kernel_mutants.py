"""Wrong kernels: one rule of each is other than the event engine's, which the comparison has to notice."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """A text of a kernel function, and the wrong one in its place."""

    function: str
    old: str
    new: str


MUTANTS = {
    "targets go before stops": Mutant(
        "matching.before", "return a.is_stop > b.is_stop", "return a.is_stop < b.is_stop"
    ),
    "the farther from the open goes first": Mutant(
        "matching.before",
        "distance(run, one) < distance(run, other)",
        "distance(run, one) > distance(run, other)",
    ),
    "a trailing mark moves before its stop is tested": Mutant(
        "matching.meet", "run.trailing += 1", "run.trailing += 1\n        trail(run, slot)"
    ),
    "reductions do not go first": Mutant(
        "matching.reductions_first", "run.queued > 1 and opens", "False and opens"
    ),
    "an open at the limit does not fill": Mutant(
        "matching.price_at_open",
        "not rules.limit_at_open(order.side, order.limit, open_)",
        "not order.side * (order.limit - open_) > 0.0",
    ),
    "a stop that the open gapped through fills at its level": Mutant(
        "matching.price_at_open",
        "return open_ if rules.stop_at_open",
        "return order.level if rules.stop_at_open",
    ),
    "a child that wakes inside a bar fills in it": Mutant(
        "book.wake",
        "start(run, slot, moment, touched)",
        "start(run, slot, 0, touched)\n        put(run.queue_at, run.queued, slot)\n        run.queued += 1",
    ),
    "a child that wakes at an open does not fill in its bar": Mutant(
        "matching.fill_at_open", "join(run, item(run.joined_at, j))", "continue"
    ),
    "a grown child's clock is not reset": Mutant("book.wake", "elif phase != OPEN", "elif phase == OPEN"),
    "the floor of a fee counts once a fill": Mutant(
        "fills.trade",
        "return price, fee - order.paid, raw",
        "return price, max(fee - order.paid, run.minimum), raw",
    ),
    "a limit order pays as a taker": Mutant(
        "fills.trade", "run.maker_bps if maker else run.taker_bps", "run.taker_bps"
    ),
    "a limit order slips": Mutant("fills.trade", "if not rests:", "if True:"),
    "exits ignore the bar's volume": Mutant(
        "fills.fillable", "share = run.volume_share", "share = 0.0 if order.reduce_only else run.volume_share"
    ),
    "what fills of a bar is not taken off its volume": Mutant(
        "fills.fill", "s.taken += quantity", "s.taken += 0.0"
    ),
    "an exit fills beyond its position": Mutant(
        "fills.fillable",
        "min(quantity, abs(s.position)) if s.position * order.side < 0.0 else 0.0",
        "quantity",
    ),
    "cash is booked at the touched price": Mutant(
        "fills.fill", "order.side * quantity, price, fee)", "order.side * quantity, touched, fee)"
    ),
    "slippage is not counted": Mutant("fills.fill", "run.slippage += slipped * quantity", "pass"),
    "a gap is always affordable": Mutant("fills.fill", "fee) > rules.DUST:", "fee) > 1e300:"),
    "an order that a gap made too dear is never cut": Mutant("fills.fill", "if not run.cut:", "if True:"),
    "the projected position is forgotten": Mutant("funds.refusal", "s.position + s.projected", "s.position"),
    "reservations are forgotten": Mutant("funds.refusal", "- run.reserved +", "+"),
    "a partial fill gives back all that was reserved": Mutant(
        "funds.release", "0.0 < quantity < order.held - rules.DUST", "False"
    ),
    "margin ties up the whole value": Mutant("funds.unreserved", "initial = run.initial", "initial = 1.0"),
    "a small gain counts as a loss": Mutant(
        "funds.finish_trade", "if s.trade_pnl > 0.0", "if s.trade_pnl >= 1.0"
    ),
    "a dividend is not paid by a short": Mutant(
        "holding.act", "if s.position != 0.0:", "if s.position > 0.0:"
    ),
    "a dividend leaves past prices alone": Mutant("holding.act", "s.unit *= (close - new) / close", "pass"),
    "a split's fraction is not paid": Mutant("holding.book_split", "run.cash += fraction * price", "pass"),
    "a reverse split keeps orders": Mutant("book.split_orders", "if new / old >= 1.0", "if new / old >= 0.0"),
    "interest is paid on what is owed now": Mutant(
        "holding.charge", "debt = -run.cash", "debt = abs(run.cash)"
    ),
    "borrow is charged for longs": Mutant("holding.charge", "if position < 0.0 and", "if"),
    "no margin is called": Mutant("desk.call_margin", "run.maintenance * gross", "-1e300"),
    "a margin is called at every moment": Mutant("desk.call_margin", "or closing:", "and True:"),
    "an order's time is its symbol's last bar": Mutant(
        "desk.target", "time = item(run.times_at, run.moment)", "time = item(run.known_at, s.first + s.at)"
    ),
    "exits of a position stay when it is resized": Mutant(
        "desk.target", "keeps = not exits and", "keeps = True and"
    ),
    "a size is taken for half of the conviction": Mutant(
        "desk.size", "sized(run, abs(conviction)", "sized(run, conviction * conviction"
    ),
    "a limit is for additions as well": Mutant(
        "desk.change", "held * direction <= 0.0 and direction", "direction"
    ),
    "a standing conviction enters again although it holds": Mutant(
        "loop.is_restless", "wants and not holds(run, symbol, s.last)", "False"
    ),
    "an OCO group is not reduced": Mutant("book.reduce_group", "other.quantity -= quantity", "pass"),
    "children keep what their parent will not bring": Mutant(
        "book.cut", "give_up(run, k,", "give_up(run, k, 0.0 *"
    ),
    "a closed position's exits stay": Mutant(
        "book.after_fill", "if held != 0.0 and held * after <= 0.0", "if False"
    ),
    "nobody asks which exits a parent may still need": Mutant(
        "book.end_exits", "and open_parent(run, k) < 0", ""
    ),
    "the better reading of a bar is taken": Mutant(
        "matching.inside", "fill(run, slot, taken, INTRABAR, True)", "fill(run, slot, better, INTRABAR, True)"
    ),
    "the short way buys what is too dear": Mutant(
        "swift.foresee_fill", "if need - free > rules.DUST", "if False"
    ),
    "the short way takes more than the bar's volume": Mutant(
        "swift.foresee_fill", "run.volume_share > 0.0 and", "False and"
    ),
    "the short way passes a dividend by": Mutant("swift.foresee", "<= moment + 1", "<= moment"),
    "the short way forgets slippage": Mutant("swift.book", "run.slippage += slip", "pass"),
    "plain changes pass a dividend by": Mutant("sprint.sprint", "now + 1 >= until", "now >= until"),
    "plain changes buy more than cash pays for": Mutant("sprint.order", "need <= cash + rules.DUST", "True"),
    "plain changes forget a fee": Mutant("sprint.sprint", "fees + fee", "fees"),
    "a mark between plain changes is taken late": Mutant("sprint.sprint", "now >= mark", "now > mark"),
    "a plain trade's gain goes on": Mutant(
        "sprint.sprint", "min(gained, 0.0), 0.0", "min(gained, 0.0), gained"
    ),
    "the short way takes the target rather than the stop": Mutant(
        "bracket.foresee_exit", "(-1.0, level, high, low)", "(-1.0, level, high, low) and high < run.rises"
    ),
    "the short way forgets the trailing stop": Mutant(
        "bracket.foresee_exit", "max(run.falls, run.trail_level)", "run.falls"
    ),
    "the short way's stop fills at its level, whatever the open": Mutant(
        "bracket.foresee_exit", "if rules.stop_at_open(-1.0, level, open_)", "if False"
    ),
    "an exit of the short way takes volume that its entry took": Mutant(
        "bracket.foresee_exit", "run.foreseen if bar == entry else 0.0", "0.0"
    ),
    "a target of the short way pays as a taker": Mutant(
        "bracket.foresee_exit", "run.rises, True, True, taken", "run.rises, True, False, taken"
    ),
    "exits of the short way begin a bar late": Mutant(
        "bracket.foresee_end", "bar, conviction = moment + 1", "bar, conviction = moment + 2"
    ),
    "the short way heeds convictions while it is to leave a position to its exits": Mutant(
        "bracket.foresee_end", "if run.entries_only:", "if False:"
    ),
    "a position that is left to its exits forgets what was decided meanwhile": Mutant(
        "bracket.foresee_alone", "item(run.when_at, change) < bar", "False"
    ),
    "one bar of a stretch may touch an exit": Mutant(
        "quiet.stretch_passes", "passed == STRETCH", "passed >= STRETCH - 1"
    ),
    "a position of the short way passes a dividend by": Mutant(
        "bracket.foresee_end", "until = min(until, item(run.action_moments_at, action))", "pass"
    ),
    "what the desk sells the short way is not sold": Mutant(
        "bracket.foresee_end", "!= conviction:", "!= conviction and False:"
    ),
    "a symbol without a bar fills at its next one": Mutant(
        "matching.meet", "item(run.slots_at, bar) != moment", "False"
    ),
}
