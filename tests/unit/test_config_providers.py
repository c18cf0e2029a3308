"""The sections of the providers are their constructors' options."""

from __future__ import annotations

from importlib import import_module
from inspect import signature

import pytest

from openbell.config import Settings, load
from openbell.config.providers import Providers
from openbell.data.providers import BUILT_IN


def test_every_provider_has_a_section():
    assert set(BUILT_IN) | {"fallback"} == set(Providers.model_fields)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_section_has_the_constructors_options_and_defaults(name):
    module, _, form = BUILT_IN[name].partition(":")
    given = list(signature(getattr(import_module(module), form)).parameters.values())[1:]
    assert Settings().providers.options(name) == {one.name: one.default for one in given}


def test_an_endpoint_is_set_by_a_variable(tmp_path):
    environ = {
        "OPENBELL_PROVIDERS__ALPACA__DATA_URL": "http://127.0.0.1:1",
        "OPENBELL_PROVIDERS__YAHOO__RATE": "5",
    }
    (tmp_path / "config").mkdir()
    providers = load(tmp_path / "config", environ=environ).settings.providers
    assert providers.options("alpaca")["data_url"] == "http://127.0.0.1:1"
    assert providers.rate("yahoo") == 5.0
    assert providers.rate("synthetic") is None


def test_a_third_partys_provider_has_no_section():
    assert Settings().providers.options("theirs") == {}
    assert Settings().providers.options("fallback") == {}
