"""The committed table against the installed TA-Lib."""

import inspect
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import talib.stream

from openbell import indicators
from openbell.indicators import TABLE, Indicator

TALIB: Any = talib  # its functions have no type hints
TOOL = Path(__file__).resolve().parents[2] / "tools" / "indicator_table.py"


def test_table_and_page_are_what_the_installed_talib_gives(capsys):
    outcome = runpy.run_path(str(TOOL))["main"](["--check"])
    assert (outcome, capsys.readouterr().err) == (0, "")


def test_every_function_of_talib_is_there_by_name():
    assert list(TABLE) == TALIB.get_functions()
    assert len(TABLE) == 201
    assert all(getattr(indicators, name)().name == name for name in TABLE)


def test_every_function_has_a_streaming_handle():
    assert [name for name in TABLE if not hasattr(talib.stream, name)] == []


def test_no_output_is_hidden_by_a_method_of_the_recipe():
    methods = set(dir(Indicator))
    assert [name for name, function in TABLE.items() if methods & set(function.outputs)] == []


def test_making_recipes_imports_neither_talib_nor_pandas():
    code = (
        "import sys; from openbell import indicators as i; i.BBANDS(20).upperband.describe(); dir(i);"
        "sys.exit(len({'talib', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_factory_shows_its_parameters_to_help():
    factory = indicators.BBANDS
    assert factory is indicators.BBANDS
    assert factory.__name__ == "BBANDS"
    assert str(inspect.signature(factory)) == "(timeperiod=20, nbdevup=2.0, nbdevdn=2.0, matype=0)"
    assert str(factory.__doc__).startswith("Bollinger Bands, on close.")


def test_dir_lists_functions_and_helpers():
    assert {"SMA", "CDLDOJI", "indicator", "compute"} <= set(dir(indicators))


@pytest.mark.parametrize(
    ("name", "said"),
    [("sma", "did you mean 'SMA'?"), ("SMAA", "did you mean 'SMA'?"), ("qqqqqq", "lists the 201 names")],
)
def test_unknown_name_is_an_attribute_error_with_the_nearest_one(name, said):
    with pytest.raises(AttributeError, match=name) as caught:
        getattr(indicators, name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_the_interpreter_probes_for_get_a_plain_error():
    assert not hasattr(indicators, "__wrapped__")
