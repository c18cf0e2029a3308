"""The reference page names every key with its type's default."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from openbell.config import Settings, load
from openbell.config.models import BrokerEntry, StrategyEntry
from openbell.config.resolve import list_defaults
from openbell.config.schema import list_leaves
from openbell.config.sources import RESERVED, RESERVED_PREFIX
from openbell.config.yamlfile import read_scalar

PAGE = (Path(__file__).parents[2] / "docs/reference/configuration.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z_.]+)` \| .+? \| (.+?) \| .+ \|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("model", [Settings, StrategyEntry, BrokerEntry])
def test_every_key_is_on_the_page(model):
    assert set(list_leaves(model)) <= set(ROWS)


def test_the_page_names_no_key_that_is_none():
    known = [key for model in (Settings, StrategyEntry, BrokerEntry) for key in list_leaves(model)]
    assert set(ROWS) <= set(known)


def test_the_defaults_on_the_page_are_the_built_in_ones():
    defaults = {value.key: value.value for value in list_defaults(Settings())}
    for key in list_leaves(Settings):
        shown = ROWS[key].strip("`")
        if key not in defaults:
            assert shown == "none", key
        else:
            assert defaults[key] == (json.loads(shown) if shown[0] in '"[{' else read_scalar(shown)), key


@pytest.mark.parametrize("name", [*RESERVED, RESERVED_PREFIX])
def test_the_reserved_variables_are_on_the_page(name):
    assert name in PAGE


def find_block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.+?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_yaml_on_the_page_loads(tmp_path):
    (tmp_path / "strategies.yaml").write_text(find_block("yaml"))
    assert load(tmp_path, environ={}).for_strategy("sma-cross-aapl").settings.costs.slippage.bps == 2


def test_the_python_on_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "example.py"
    script.write_text(find_block("python"))
    runpy.run_path(str(script))
    assert capsys.readouterr().out == "3.0\ncosts.slippage.bps = 3.0  (--set)\n  shadows 5.0  (default)\n"
