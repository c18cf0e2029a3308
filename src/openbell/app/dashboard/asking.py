"""Dialogs: nothing is asked of a session before somebody has confirmed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from openbell.app.dashboard.frame import Page
from openbell.config.yamlfile import read_scalar
from openbell.core.errors import OpenbellError
from openbell.trading.inbox import How
from openbell.trading.tuning import describe_change

_STOPS: dict[How, str] = {
    "keep": "Leaves orders and positions as they are.",
    "cancel": "Cancels what works; positions stay.",
    "flatten": "Cancels what works, and closes what is held at the next open.",
}


def attempt(act: Callable[[], object], done: str) -> None:
    """Do something, and say that it is on its way or why it was refused."""
    try:
        act()
    except OpenbellError as error:
        ui.notify(str(error), type="negative", multi_line=True)
    else:
        ui.notify(done)


def confirm(question: str, says: str, yes: str, act: Callable[[], object], done: str) -> None:
    """Ask, and do it if the answer is yes."""
    with ui.dialog() as dialog, ui.card():
        ui.label(question).classes("text-h6")
        if says:
            ui.label(says)

        def agree() -> None:
            dialog.close()
            attempt(act, done)

        with ui.row():
            ui.button(yes, on_click=agree, color="negative")
            ui.button("No", on_click=dialog.close).props("flat autofocus")
    dialog.open()


def ask_to_stop(page: Page, name: str) -> None:
    """Ask how to stop a session, and to confirm it."""
    with ui.dialog() as dialog, ui.card():
        ui.label(f"Stop {name}?").classes("text-h6")
        for how, says in _STOPS.items():

            def stop(how: How = how) -> None:
                dialog.close()
                attempt(lambda: page.actions.stop(page.caller, name, how), f"asked to stop ({how})")

            with ui.row().classes("items-center no-wrap"):
                ui.button(how, on_click=stop, color="negative").classes("w-28")
                ui.label(says)
        ui.button("Go on", on_click=dialog.close).props("flat autofocus")
    dialog.open()


def ask_to_change(page: Page, name: str, strategy: str, parameters: Mapping[str, Any]) -> None:
    """Ask for other parameters, and show what would differ before it is done."""
    fields: dict[str, ui.input] = {}
    with ui.dialog() as dialog, ui.card().classes("min-w-72"):
        ui.label(f"Parameters of {strategy}").classes("text-h6")
        for key, value in parameters.items():
            text = value if isinstance(value, str) else json.dumps(value)
            fields[key] = ui.input(key, value=text).classes("w-full").props("dense")
        more = ui.input("another, as name=value").classes("w-full").props("dense")
        said = ui.label("").classes("ob-num").props("role=status data-diff")

        def changed() -> dict[str, Any]:
            now = {key: read_scalar(field.value or "") for key, field in fields.items()}
            key, _, text = (more.value or "").partition("=")
            if key.strip() and text.strip():
                now[key.strip()] = read_scalar(text.strip())
            return {key: value for key, value in now.items() if value != parameters.get(key)}

        def show() -> None:
            differs = changed()
            before = {key: parameters[key] for key in differs if key in parameters}
            said.text = describe_change(before, differs) if differs else "Nothing differs."

        for field in (*fields.values(), more):
            field.on_value_change(show)
        show()

        def agree() -> None:
            differs = changed()
            dialog.close()
            if differs:
                attempt(
                    lambda: page.actions.ask(page.caller, name, strategy, "set", parameters=differs),
                    "asked for other parameters",
                )

        with ui.row():
            ui.button("Change", on_click=agree)
            ui.button("No", on_click=dialog.close).props("flat")
    dialog.open()
