"""The SDK's session is what the environment says, read once."""

from typing import Any

import pytest

from openbell.remote.alpaca import Wire, load_sdk


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:8080")
    monkeypatch.setenv("NO_PROXY", "direct.invalid")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/certificates.pem")
    load_sdk()
    from alpaca.trading.client import TradingClient

    def make(url: str) -> Any:
        return Wire(1.0).prepare(TradingClient("k", "s", url_override=url))

    return make


def test_proxies_and_certificates_of_the_environment_are_used(client: Any) -> None:
    session = client("https://far.invalid")._session
    assert session.proxies["https"] == "http://proxy.invalid:8080"
    assert session.verify == "/certificates.pem"
    assert not session.trust_env


def test_a_host_that_needs_no_proxy_has_none(client: Any) -> None:
    assert "https" not in client("https://direct.invalid")._session.proxies


def test_the_sdk_sends_nothing_a_second_time(client: Any) -> None:
    assert client("https://far.invalid")._retry == 0
