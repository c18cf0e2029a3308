"""Each bad input gives one line that names the value, its place and the remedy."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openbell.config import load
from openbell.config.models import Settings
from openbell.config.schema import list_leaves
from openbell.core.costs import Commission, Costs, Margin, Slippage
from openbell.core.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "config"
    path.mkdir()
    return path


def fail(folder: Path, **given: object) -> str:
    """Return the message of the ConfigError, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(folder, environ={}, **given)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(f"{folder}/", "").replace(f"{folder.parent}/", "")


SETTINGS = {
    "costs:\n  slipage:\n    bps: 3\n": "2: costs.slipage: unknown key; did you mean 'slippage'?",
    "cash: 5\n": "1: cash: unknown key; did you mean 'account.cash'?",
    "costs.slippage.bps: 3\n": "1: costs.slippage.bps: unknown key; write its sections as nested"
    " lines, not with dots",
    "12: 5\n": "1: 12: unknown key; valid names: account, benchmark, costs, data, logging,"
    " providers, reports, research, risk, seed, sizing, state",
    '"a\\nb": 5\n': "1: 'a\\nb': unknown key; valid names: account, benchmark, costs, data,"
    " logging, providers, reports, research, risk, seed, sizing, state",
    "account:\n\tcash: 5\n": "2: a tab indents this line; YAML allows spaces only",
    "seed:\t- 5\n": "1: a tab stands in this line; YAML allows spaces only",
    "seed: 1\naccount: {}\nseed: 2\n": "3: 'seed' is set twice; line 1 has it too, remove one",
    "account:\n  cash: 0\n": "2: account.cash: 0 must be greater than 0",
    "account:\n  cash: -1.5\n": "2: account.cash: -1.5 must be greater than 0",
    "account: {cash: lots}\n": "1: account.cash: 'lots' must be a number",
    "account: {cash: true}\n": "1: account.cash: true must be a number",
    "account: {cash: .inf}\n": "1: account.cash: '.inf' must be a number",
    "account: {cash: 1e999}\n": "1: account.cash: inf must be a finite number",
    "account: {cash: [1]}\n": "1: account.cash: [1] must be a number",
    "account: {cash: }\n": "1: account.cash: null must be a number",
    "account: {currency: dollars}\n": "1: account.currency: 'dollars' must be a currency code"
    " in capitals, such as 'USD'",
    "account: 5\n": "1: account: 5 must be a mapping; its keys: cash, currency",
    "seed: 1.5\n": "1: seed: 1.5 must be a whole number",
    "benchmark: 7203\n": "1: benchmark: 7203 must be text; put it in quotes",
    "benchmark: []\n": "1: benchmark: [] must be text",
    "data: {timeframe: daily}\n": "1: data.timeframe: 'daily' must be a count and a unit of s, m,"
    " h, d or w, such as '1d' or '15m'",
    "data: {provider: ''}\n": "1: data.provider: '' must have at least 1 character",
    "logging: {level: loud}\n": "1: logging.level: 'LOUD' must be 'TRACE', 'DEBUG', 'INFO',"
    " 'SUCCESS', 'WARNING', 'ERROR' or 'CRITICAL'",
    "logging: {level: 5}\n": "1: logging.level: 5 must be 'TRACE', 'DEBUG', 'INFO', 'SUCCESS',"
    " 'WARNING', 'ERROR' or 'CRITICAL'",
    "logging: {json: yes}\n": "1: logging.json: 'yes' must be true or false",
    "sizing: {share: 95}\n": "1: sizing.share: 95 must be less than or equal to 10",
    "sizing: {method: fixed_quantty}\n": "1: sizing.method: 'fixed_quantty' is unknown; did you"
    " mean 'fixed_quantity'?",
    "sizing: {method: 5}\n": "1: sizing.method: 5 is unknown; valid names: average_true_range,"
    " confidence_scaled, equal_weight, fixed_notional, fixed_quantity, inverse_volatility, kelly,"
    " risk_per_trade, share_of_equity, volatility_target",
    "sizing:\n  method: fixed_quantity\n": "2: sizing.quantity: missing; sizing.method"
    " 'fixed_quantity' needs it",
    "sizing:\n  method: fixed_quantity\n  share: 1\n": "3: sizing.share: unknown where"
    " sizing.method is 'fixed_quantity' (settings.yaml:2); its keys: sizing.method, sizing.quantity",
    "sizing:\n  quantity: 5\n": "2: sizing.quantity: unknown where sizing.method is"
    " 'share_of_equity' (default); its keys: sizing.method, sizing.share",
    "costs:\n  margin:\n    initial: 0.1\n": "3: costs.margin.maintenance=0.25 must not exceed"
    " costs.margin.initial=0.1",
    "costs: {margin: {initial: 0}}\n": "1: costs.margin.initial=0.0 must be more than zero",
    "costs: {unaffordable: retry}\n": "1: costs.unaffordable='retry' must be 'reject' or 'cut'",
    "- 1\n": "1: [1] must be a mapping: lines of `key: value`",
    "\nplain\n": "2: 'plain' must be a mapping: lines of `key: value`",
    "[1]: 5\n": "1: a key must be text, not a list or a mapping",
    "seed: !!int abc\n": "1: 'abc' is no int, as its tag says",
    "seed: !secret abc\n": "1: 'abc' has the unknown tag '!secret'; remove the tag",
    "account: &a\n  cash: *a\n": "1: an alias stands inside its own anchor",
    "seed: 1\n---\nseed: 2\n": "2: not valid YAML: but found another document",
    "seed: [1\n": "2: not valid YAML: expected ',' or ']', but got '<stream end>'",
    "seed: 1\nbenchmark: \x07\n": "2: the character 7 is no YAML; remove it",
    f"seed: {'9' * 5000}\n": "1: seed: inf must be a whole number",
    f"benchmark: [{'a' * 500}]\n": f"1: benchmark: ['{'a' * 75}... must be text",
}


@pytest.mark.parametrize(("text", "message"), SETTINGS.items())
def test_settings(folder, text, message):
    (folder / "settings.yaml").write_text(text)
    assert fail(folder) == f"settings.yaml:{message}"


ITEM = "strategies:\n  - name: a\n    strategy: sma_cross\n    symbols: [AAPL]\n"
STRATEGIES = {
    "strategy: []\n": "1: 'strategy': unknown key; did you mean 'strategies'?",
    "strategies: {a: 1}\n": "1: strategies: {'a': 1} must be a list: items that begin with -",
    "strategies:\n  - sma_cross\n": "2: strategies[0]: 'sma_cross' must be a mapping: lines of `key: value`",
    "strategies:\n  - name: a\n": "2: strategies[0].strategy: missing; it has no default",
    ITEM + "    paramters: {}\n": "5: strategies[0].paramters: unknown key; did you mean 'parameters'?",
    ITEM + "    place: here\n": "5: strategies[0].place: unknown key; valid names: account,"
    " costs, end, name, parameters, research, risk, sizing, start, strategy, symbols",
    ITEM + "    seed: 5\n": "5: strategies[0].seed: unknown key; did you mean 'end'?",
    ITEM + "    parameters: [1]\n": "5: strategies[0].parameters: [1] must be a mapping:"
    " lines of `key: value`",
    ITEM + "    start: 2005-13-01\n": "5: strategies[0].start: '2005-13-01' must be a valid date"
    " in the format YYYY-MM-DD, month value is outside expected range of 1-12",
    ITEM + "    start: 2005-01-02\n    end: 2005-01-01\n": "6: strategies[0].end:"
    " '2005-01-01' must not be before start 2005-01-02",
    ITEM + "    costs: {slippage: {bps: -1}}\n": "5: costs.slippage.bps=-1.0 must be zero or more",
    ITEM + "    account: {cash: 0}\n": "5: account.cash: 0 must be greater than 0",
    ITEM + ITEM.removeprefix("strategies:\n"): "5: name: 'a' is taken by strategies.yaml:2; choose another",
    ITEM.replace(
        "[AAPL]", "[AAPL, 7203]"
    ): "4: strategies[0].symbols[1]: 7203 must be text; put it in quotes",
    ITEM.replace(
        "[AAPL]", "[]"
    ): "4: strategies[0].symbols: [] must name at least one symbol, and no empty one",
    ITEM.replace("[AAPL]", "[A, A]"): "4: strategies[0].symbols: ['A', 'A'] must name each symbol once",
    ITEM.replace("[AAPL]", "AAPL"): "4: strategies[0].symbols: 'AAPL' must be a list, such as [a, b]",
    ITEM.replace("name: a", "name: ../a"): "2: strategies[0].name: '../a' must be letters,"
    " digits, '_', '-' and '.', for it names files too",
}


@pytest.mark.parametrize(("text", "message"), STRATEGIES.items())
def test_strategies(folder, text, message):
    (folder / "strategies.yaml").write_text(text)
    assert fail(folder) == f"strategies.yaml:{message}"


BROKERS = {
    "brokers: [simulated]\n": "1: brokers: ['simulated'] must be a mapping of names to brokers",
    "brokers:\n  mine: simulated\n": "2: brokers.mine: 'simulated' must be a mapping: lines of `key: value`",
    "brokers:\n  mine:\n    kind: telepathy\n": "3: brokers.mine.kind: 'telepathy' must be the kind of a "
    "broker; valid names: alpaca, ccxt, ib, simulated",
    "brokers:\n  mine: {}\n": "2: brokers.mine.kind: missing; it has no default",
    "brokers:\n  mine: {kind: simulated, token: hush}\n": "2: brokers.mine.token: unknown key;"
    " valid names: kind, options",
}


@pytest.mark.parametrize(("text", "message"), BROKERS.items())
def test_brokers(folder, text, message):
    (folder / "brokers.yaml").write_text(text)
    assert fail(folder) == f"brokers.yaml:{message}"


DOTENV = {
    "A=1\n\nOPENBELL_COSTS__SLIPAGE__BPS=3\n": ".env:3: OPENBELL_COSTS__SLIPAGE__BPS: unknown variable; did"
    " you mean 'OPENBELL_COSTS__SLIPPAGE__BPS'?",
    "# fine\nOPENBELL_SEED=-1\n": ".env:2: seed: -1 must be greater than or equal to 0",
    "A=1\nthis is no assignment\n": ".env:2: not a line of NAME=value; quote a value with spaces",
    "A=1\nLONELY\n": ".env:2: not a line of NAME=value; quote a value with spaces",
    "OPENBELL_CONFIG=x\n": ".env:1: OPENBELL_CONFIG says where this file is found, so it cannot stand in it;"
    " export it",
    "OPENBELL_ENV=prod\n": "settings.prod.yaml: does not exist, and the environment 'prod' asks for it;"
    " config has no settings.<env>.yaml",
}


@pytest.mark.parametrize(("text", "message"), DOTENV.items())
def test_dotenv(folder, text, message):
    (folder.parent / ".env").write_text(text)
    assert fail(folder) == message


ENVIRONMENT = {
    "OPENBELL_COSTS__SLIPAGE__BPS=3": "unknown variable; did you mean 'OPENBELL_COSTS__SLIPPAGE__BPS'?",
    "OPENBELL_ENVV=dev": "unknown variable; did you mean 'OPENBELL_ENV'?",
    "OPENBELL_ACCOUNT__CASH=0": "account.cash: 0 must be greater than 0",
    "OPENBELL_SEED=null": "seed: 'null' must be a whole number",
    "OPENBELL_SEED=TRUE": "seed: TRUE must be a whole number",
    "OPENBELL_REPORTS__FOLDER=": "reports.folder: '' must name a folder; write . for the working folder",
    "OPENBELL_ACCOUNT__CASH=1e999": "account.cash: 1e999 must be a finite number",
    "OPENBELL_SEED=": "seed: '' must be a whole number",
}


@pytest.mark.parametrize(("assignment", "message"), ENVIRONMENT.items())
def test_environment(folder, assignment, message):
    name, _, text = assignment.partition("=")
    with pytest.raises(ConfigError) as caught:
        load(folder, environ={name: text})
    assert str(caught.value) == f"environment {name}: {message}"


def test_the_environment_names_an_overlay_and_no_path(folder):
    assert fail(folder, env="../x") == (
        "the environment given: '../x' must be letters, digits, '-' and '_', as in settings.<env>.yaml"
    )


def test_a_folder_that_the_environment_names_must_exist():
    with pytest.raises(ConfigError) as caught:
        load(environ={"OPENBELL_CONFIG": "/nowhere"})
    assert str(caught.value) == (
        "environment OPENBELL_CONFIG: /nowhere does not exist; make it, or name none for config/"
    )


OVERRIDES = {
    "costs.slippage.bps": "'costs.slippage.bps' must be KEY=VALUE, such as costs.slippage.bps=3",
    "costs.slipage.bps=3": "'costs.slipage.bps': unknown key; did you mean 'costs.slippage.bps'?",
    "bps=3": "'bps': unknown key; did you mean 'costs.slippage.bps'?",
    "=3": "'': unknown key; there are ",
    "account=3": "account: a section holds no value; its keys: cash, currency",
    "account.cash=none": "account.cash: 'none' must be a number",
    "sizing.method=fixed_notional": "sizing.notional: missing; sizing.method 'fixed_notional' needs it",
}


@pytest.mark.parametrize(("override", "message"), OVERRIDES.items())
def test_overrides(folder, override, message):
    assert fail(folder, overrides=[override]).startswith(f"--set: {message}")


def test_an_overlay_that_is_missing_names_the_nearest(folder):
    (folder / "settings.production.yaml").write_text("seed: 1")
    message = fail(folder, env="prod")
    assert message.startswith("settings.prod.yaml: does not exist, and the environment 'prod' asks for it;")
    assert message.endswith("; did you mean 'production'?")


def test_a_folder_that_is_named_must_exist(tmp_path):
    message = fail(tmp_path / "nowhere")
    assert message == "the folder given: nowhere does not exist; make it, or name none for config/"


def test_a_file_is_no_folder(folder):
    (folder / "settings.yaml").write_text("seed: 1")
    message = fail(folder / "settings.yaml")
    assert message.endswith("settings.yaml is a file; name the folder that holds settings.yaml")


@pytest.mark.parametrize("stem", ["settings", "settings.dev", "strategies", "brokers"])
def test_a_file_under_the_other_suffix_is_not_overlooked(folder, stem):
    (folder / f"{stem}.yml").write_text("seed: 1")
    assert fail(folder, env="dev") == f"{stem}.yml: is not read under this name; rename it to {stem}.yaml"


def test_a_file_must_be_utf_8(folder):
    (folder / "settings.yaml").write_bytes(b"seed: 1 # caf\xe9\n")
    assert fail(folder) == "settings.yaml: byte 13 is not UTF-8; save the file as UTF-8"


def test_a_file_must_be_readable(folder):
    (folder / "settings.yaml").mkdir()
    assert fail(folder) == "settings.yaml: cannot be read: Is a directory; check its permissions"


@pytest.mark.parametrize("place", ["file", "/proc"])
def test_a_report_folder_that_cannot_be_written(folder, tmp_path, place):
    (tmp_path / "file").touch()
    wanted = tmp_path / place  # an absolute place stays as it is
    (folder / "settings.yaml").write_text(f"reports:\n  folder: {wanted}\n")
    loaded = load(folder, environ={})
    with pytest.raises(ConfigError) as caught:
        loaded.report_folder()
    start = f"{folder}/settings.yaml:2: reports.folder: '{wanted}' cannot be written ("
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith("); name a folder that you may write, or change its permissions")


@pytest.mark.parametrize(
    ("section", "record"),
    [("", Costs), ("commission.", Commission), ("slippage.", Slippage), ("margin.", Margin)],
)
def test_every_bound_of_the_costs_is_told_with_its_full_key_and_place(folder, section, record):
    numbers = [field.name for field in fields(record) if isinstance(field.default, float)]
    for name in numbers:
        (folder / "settings.yaml").write_text(
            f"costs: {{{section.replace('.', ': {')}{name}: -1{'}' * bool(section)}}}"
        )
        assert re.match(rf"settings\.yaml:1: costs\.{section}{name}=-1\.0 must", fail(folder)), name


def test_text_that_is_no_unicode_is_refused(folder):
    assert fail(folder, overrides=["benchmark=\udc80"]) == (
        "--set: benchmark: '\\udc80' in it is no Unicode; write it as UTF-8"
    )


@pytest.mark.parametrize(("depth", "place"), [(60, "settings.yaml:1"), (5000, "settings.yaml")])
def test_nesting_has_a_bound(folder, depth, place):
    (folder / "settings.yaml").write_text(f"seed: {'[' * depth}{']' * depth}")
    assert fail(folder) == f"{place}: lists and mappings are nested more than 50 deep; flatten them"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.text(max_size=60), st.text("ab:-[]{}&*!|>'\"#% \n\t,?~0.", max_size=40)))
def test_any_file_loads_or_fails_in_one_line(folder, text):
    (folder / "settings.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        load(folder, environ={})
    except ConfigError as error:
        assert str(error).startswith(f"{folder / 'settings.yaml'}:")  # noqa: PT017  # a file may be valid too
        assert len(str(error).splitlines()) == 1  # noqa: PT017


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(list_leaves(Settings))), st.text(max_size=20))
def test_any_override_is_taken_or_fails_in_one_line(folder, key, text):
    try:
        loaded = load(folder, overrides=[f"{key}={text}"], environ={})
    except ConfigError as error:
        assert str(error).startswith("--set: ")  # noqa: PT017  # a text may be valid too
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert loaded.explain(key).source == "--set"
