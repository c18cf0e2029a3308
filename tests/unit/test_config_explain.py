"""A value, where it came from and what it shadowed; and that secrets are never shown."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field, SecretStr

from openbell.config import Settings, load
from openbell.config.explain import explain
from openbell.config.models import BrokerEntry, StrategyEntry
from openbell.config.resolve import list_defaults, resolve
from openbell.config.schema import MASK, is_secret, list_leaves
from openbell.config.section import Section
from openbell.config.sources import Value
from openbell.core.errors import ConfigError

#: Keys of other ways of sizing than the one that is built in.
OTHER_WAYS = {
    key for key, leaf in list_leaves(Settings).items() if leaf.tag and "share_of_equity" not in leaf.variants
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "config"
    path.mkdir()
    (path / "settings.yaml").write_text("account:\n  cash: 5_000\nreports: {folder: out}\n")
    return path


class Vault(Section):
    api_key: SecretStr
    pin: Annotated[SecretStr, Field(max_length=4)] | None = None


class Wallet(Section):
    vault: Vault
    owner: str = ""


HUSH = Value("vault.api_key", "hush", ".env:1")


def test_a_leaf_names_its_source_and_what_it_shadowed(folder):
    found = load(folder, overrides=["account.cash=7"], environ={}).explain("account.cash")
    assert (found.key, found.value, found.source) == ("account.cash", 7.0, "--set")
    assert found.shadowed == ((5000, f"{folder / 'settings.yaml'}:2"), (100_000.0, "default"))
    assert found.below == ()


def test_an_explanation_prints_as_lines(folder):
    loaded = load(folder, environ={})
    assert str(loaded.explain("account")) == (
        f"account.cash = 5000.0  ({folder / 'settings.yaml'}:2)\n"
        "  shadows 100000.0  (default)\n"
        "account.currency = USD  (default)"
    )
    assert str(loaded.explain("data.folder")) == "data.folder = null  (default)"
    assert str(loaded.explain("logging.json")) == "logging.json = false  (default)"
    assert str(loaded.explain("benchmark")) == 'benchmark = ""  (default)'


def test_a_section_explains_every_leaf_below(folder):
    found = load(folder, environ={}).explain("costs")
    leaves = [key for key in list_leaves(Settings) if key.startswith("costs.")]
    assert [part.key for part in found.below] == leaves
    assert found.value == {part.key: part.value for part in found.below}
    assert found.source == ""


def test_nothing_named_explains_everything_in_use(folder):
    keys = {part.key for part in load(folder, environ={}).explain().below}
    assert keys == set(list_leaves(Settings)) - OTHER_WAYS


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("costs.slipage.bps", "'costs.slipage.bps': unknown key; did you mean 'costs.slippage.bps'?"),
        ("cash", "'cash': unknown key; did you mean 'account.cash'?"),
        ("cost", "'cost': unknown key; did you mean 'costs'?"),
        ("account.", "'account.': unknown key; did you mean 'account'?"),
        (
            "sizing.quantity",
            "sizing.quantity: not in use, for sizing.method is 'share_of_equity' (default)",
        ),
    ],
)
def test_a_key_that_says_nothing_is_an_error(folder, key, message):
    with pytest.raises(ConfigError) as caught:
        load(folder, environ={}).explain(key)
    assert str(caught.value) == message


def test_a_secret_is_masked_and_so_is_what_it_shadowed():
    layers = [[HUSH], [Value("vault.api_key", "quiet", "environment X"), Value("vault.pin", "1234", "--set")]]
    resolved = resolve(Wallet, layers)
    assert resolved.model.vault.api_key.get_secret_value() == "quiet"
    found = explain(resolved, "vault.api_key")
    assert (found.value, found.shadowed) == (MASK, ((MASK, ".env:1"),))
    shown = f"{explain(resolved, '')!r} {explain(resolved, '')} {resolved.model!r}"
    assert not any(secret in shown for secret in ("hush", "quiet", "1234"))


def test_a_secret_is_masked_in_an_error_too():
    with pytest.raises(ConfigError) as caught:
        resolve(Wallet, [[HUSH, Value("vault.pin", "12345", "wallet.yaml:3")]])
    assert (
        str(caught.value)
        == f"wallet.yaml:3: vault.pin: {MASK} must have at most 4 items after validation, not 5"
    )
    with pytest.raises(ConfigError) as caught:
        resolve(Wallet, [[Value("vault.api_key", 987654, "wallet.yaml:3")]])
    assert str(caught.value) == f"wallet.yaml:3: vault.api_key: {MASK} must be text; put it in quotes"


@pytest.mark.parametrize("name", ["api_key", "SECRET", "a.access_token", "db_password", "keys"])
def test_names_tell_secrets(name):
    assert is_secret(name)


@pytest.mark.parametrize("model", [Settings, StrategyEntry, BrokerEntry])
def test_every_key_that_is_named_like_a_secret_is_kept_like_one(model):
    for key, leaf in list_leaves(model).items():
        assert not is_secret(key) or SecretStr in leaf.kinds, key


def test_without_a_choice_the_model_chooses():
    assert resolve(Settings, [[]]).model == Settings()


def test_a_rule_of_two_keys_blames_the_one_that_was_given():
    with pytest.raises(ConfigError) as caught:
        resolve(Settings, [[Value("costs.margin.initial", 0.1, "here:1")]])
    assert str(caught.value).startswith(
        "here:1: margin.maintenance=0.25 must not exceed costs.margin.initial=0.1"
    )


def test_the_defaults_are_all_leaves_but_those_of_other_choices():
    defaults = {value.key for value in list_defaults(Settings())}
    assert defaults == set(list_leaves(Settings)) - OTHER_WAYS
