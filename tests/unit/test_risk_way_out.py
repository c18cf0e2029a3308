"""No way to a broker leads around the gate: types say so, and so does the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
SNIPPET = """
from openbell.core.engine import Engine
from openbell.core.orders import Order
from openbell.core.ports import Broker


def honest(engine: Engine, broker: Broker) -> None:
    broker.submit(engine.flush(), 0)


def around(broker: Broker, order: Order) -> None:
    broker.submit([order], 0)


def past(engine: Engine, broker: Broker) -> None:
    broker.submit(engine.outbox, 0)
"""


def test_mypy_refuses_an_order_that_was_not_reviewed(tmp_path):
    path = tmp_path / "around.py"
    path.write_text(SNIPPET, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(tmp_path / "c"),
    ]
    ended = subprocess.run(
        [*command, "--follow-imports=silent", str(path)], capture_output=True, text=True, check=False,
        env={"MYPYPATH": str(SOURCE), "PATH": ""},
    )  # fmt: skip
    lines = [line.split(":")[1] for line in ended.stdout.splitlines() if ": error:" in line]
    assert lines == ["12", "16"], ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["ReviewedOrder", "ReviewedReplace", "approve"])
def test_reviewed_orders_are_made_nowhere_but_at_a_gate(name):
    calls = [
        path.relative_to(SOURCE / "openbell").as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]
    assert set(calls) == ({"trading/gate.py"} if name == "approve" else set())


def test_the_outbox_is_emptied_by_the_engine_alone():
    readers = {
        path.relative_to(SOURCE / "openbell").as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"clear", "copy"}
        and isinstance(node.value, ast.Attribute) and node.value.attr in {"outbox", "_outbox"}
    }  # fmt: skip
    assert readers == {"core/blotter.py", "core/engine.py", "core/screen.py"}
