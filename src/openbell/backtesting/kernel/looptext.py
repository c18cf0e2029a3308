"""The text of the loops around a decision: `decider` writes its inputs into them, and compiles them.

`over_one` looks for the changes of one combination; `over_many` for those of many, a block of bars after the
other, and runs the kernel over each. A block's bars are decided on in a loop without a branch. Of those in
which nothing changed 64 are passed in one step, and then eight.
"""

from __future__ import annotations

LOOPS = """
def first_of({given}from_bar, bars):
    first = from_bar
    while first < bars and ({unknown}):
        first += 1
    return first


def over_block({given}start, size, count, room, when, what, moved, words):
    before = 0.0
    if count > 0:
        before = what[count - 1]
    for i in range(start, start + size):
        now = 1.0 * decide({asked})
        moved[i - start] = now != before
        before = now
    for i in range(size, (size + GROUP - 1) // GROUP * GROUP):
        moved[i] = 0
    for group in range(0, (size + WORD - 1) // WORD, 8):
        some = words[group] | words[group + 1] | words[group + 2] | words[group + 3]
        some |= words[group + 4] | words[group + 5] | words[group + 6] | words[group + 7]
        if some == 0:
            continue
        for word in range(group, group + 8):
            left = words[word]
            if left != 0 and count + WORD > room:
                return -1
            while left != 0:
                i = start + WORD * word + first_byte(left)
                left &= left - uint64(1)
                when[count] = i
                what[count] = 1.0 * decide({asked})
                count += 1
    return count


def over_bars({given}from_bar, bars, room, when, what, moved, words):
    first = first_of({given}from_bar, bars)
    start, count = first, int64(0)  # a bare zero is a type of its own, for which all would be compiled again
    while start < bars:
        size = BLOCK if start + BLOCK < bars else bars - start
        count = over_block({given}start, size, count, room, when, what, moved, words)
        start += size
    return first, count


def over_one({places}{constants}from_bar, bars, when_at, what_at, moved_at):
    return over_bars(
        {pointers}{constants}from_bar, bars, bars + WORD,
        wholes_at(when_at), floats_at(what_at), bytes_at(moved_at), words_at(moved_at),
    )


def over_many(
    addresses_at, columns_at, {constants}exits_at, flags_at, places_at, failed_at, at_at, from_bar, rows,
    kernel, address, bars, room, whens_at, whats_at, firsts_at, counts_at, when_at, what_at, moved_at
):
    run = run_at(address)
    addresses, columns, places = wholes_at(addresses_at), wholes_at(columns_at), wholes_at(places_at)
    exits, flags = floats_at(exits_at), wholes_at(flags_at)
    failed, at = wholes_at(failed_at), wholes_at(at_at)
    moved, words = bytes_at(moved_at), words_at(moved_at)
    firsts, counts = wholes_at(firsts_at), wholes_at(counts_at)
    for k in range(rows):
        firsts[k], counts[k] = first_of({own}from_bar, bars), 0
    for begin in range(0, bars if rows > 1 else 0, BLOCK):
        end = begin + BLOCK if begin + BLOCK < bars else bars
        for k in range(rows):
            start = begin if begin > firsts[k] else firsts[k]
            size = end - start
            if size > 0 and counts[k] >= 0 and failed[k] == 0:
                at[0] = k
                counts[k] = over_block(
                    {own}start, size, counts[k], room,
                    wholes_at(whens_at + 8 * k * room), floats_at(whats_at + 8 * k * room), moved, words
                )
    for k in range(rows):
        if failed[k] != 0:
            continue
        at[0] = k
        run.when_at, run.what_at, count = whens_at + 8 * k * room, whats_at + 8 * k * room, counts[k]
        if rows == 1 or count < 0:
            run.when_at, run.what_at = when_at, what_at
            first, count = over_bars(
                {own}from_bar, bars, bars + WORD, wholes_at(when_at), floats_at(what_at), moved, words
            )
        what, wrong = floats_at(run.what_at), False
        for i in range(count):
            wrong |= not (what[i] >= -1.0 and what[i] <= 1.0)
        if wrong:
            failed[k] = WRONG_CONVICTION
        elif firsts[k] == bars:
            failed[k] = NEVER_READY
        else:
            run.changes = count
            run.stop_loss, run.take_profit = exits[4 * k], exits[4 * k + 1]
            run.trailing_stop, run.limit = exits[4 * k + 2], exits[4 * k + 3]
            run.reenter, run.entries_only = flags[2 * k], flags[2 * k + 1]
            call_at(kernel, address, places[k])
            if run.fault != 0:
                failed[k] = FAULTY_ORDER
"""
