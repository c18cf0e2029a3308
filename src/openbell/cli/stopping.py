"""The command `stop`. It loads as little as it can: a session may be asked to end in a hurry."""

from __future__ import annotations

import os
from collections.abc import Sequence

from openbell.cli.answer import Answer
from openbell.cli.folders import find_sessions, state_folder
from openbell.core.errors import ConfigError, OpenbellError
from openbell.storage.lock import is_held
from openbell.trading.inbox import HOWS, ask_to_stop

#: Set by a shell that asks what could follow.
COMPLETION = "_OPENBELL_COMPLETE"


def check_hows(given: Sequence[tuple[str, bool]]) -> str:
    """Return the one way to stop that is asked for.

    Raises:
        ConfigError: None is, or several are.
    """
    asked = [name for name, chosen in given if chosen]
    if len(asked) != 1:
        raise ConfigError("stop: say how, by one of --keep, --cancel and --flatten")
    return asked[0]


def stop_at_once(words: Sequence[str]) -> Answer | None:
    """Ask for what plainly typed words after `stop` say; None where the parser is to look at them.

    Whatever is wrong is left to the parser and the command, which say it.
    """
    state, hows, left = None, [], iter(words)
    for word in left:
        if word == "--state":
            state = next(left, "")
        elif word.startswith("--state="):
            state = word.removeprefix("--state=")
        elif word.startswith("--") and word[2:] in HOWS:
            hows.append(word[2:])
        elif word not in {"--json", "--debug"}:
            return None
    if len(hows) != 1 or not all(map(str.isascii, words)) or COMPLETION in os.environ:
        return None
    try:
        return stop_sessions(state, hows[0])
    except (OpenbellError, OSError):
        return None


def stop_sessions(state: str | None, how: str) -> Answer:
    """Ask running sessions to stop.

    Raises:
        ConfigError: None runs.
    """
    if how not in HOWS:
        raise ConfigError(f"stop: {how!r} is unknown; use keep, cancel or flatten")
    running = [folder for folder in find_sessions(state) if is_held(folder)]
    if not running:
        raise ConfigError(f"no session runs in {str(state_folder(state))!r}; `openbell status` lists them")
    for folder in running:
        ask_to_stop(folder, how)
    return Answer(
        [f"asked to stop ({how}): {folder}" for folder in running],
        {"asked": [str(folder) for folder in running], "how": how},
    )
