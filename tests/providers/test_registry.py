"""Which provider is spoken to, how and where."""

from __future__ import annotations

import pytest

from kling_tools.model.errors import BadSettings
from kling_tools.providers.registry import REGIONS, Connection, kling_connection, sandbox_connection


def connected(**settings: str) -> Connection:
    """Return a connection from only the settings that matter."""
    blank = {"api_key": "", "access_key": "", "secret_key": "", "base_url": "", "region": "global"}
    return kling_connection(**{**blank, **settings})


def test_an_api_key_wins_over_a_pair_and_opens_both_standards() -> None:
    connection = connected(api_key=" Bearer api-key-kling-1 ", access_key="ak", secret_key="sk")
    assert connection.dialect.standards == ("standard", "legacy")
    assert (connection.provider, connection.api_key, connection.secret_key) == ("kling", "api-key-kling-1", "")
    assert connection.base_url == REGIONS["global"]


def test_a_pair_alone_opens_the_legacy_api() -> None:
    connection = connected(access_key="ak", secret_key="sk", region="china")
    assert connection.dialect.standards == ("legacy",)
    assert connection.base_url == REGIONS["china"]


def test_an_own_address_wins_over_the_region() -> None:
    assert connected(api_key="k", base_url="https://proxy.example/kling/").base_url == "https://proxy.example/kling"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "no Kling credentials"),
        ({"access_key": "ak"}, "KLING_SECRET_KEY"),
        ({"secret_key": "sk"}, "KLING_ACCESS_KEY"),
        ({"api_key": "k", "region": "mars"}, "mars"),
        ({"api_key": "two words"}, "KLING_API_KEY"),
        ({"api_key": "кey"}, "KLING_API_KEY"),
        ({"access_key": "ak", "secret_key": "s\nk"}, "KLING_SECRET_KEY"),
    ],
)
def test_settings_that_cannot_work_are_named_and_not_shown(settings: dict[str, str], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        connected(**settings)
    assert words in caught.value.message
    assert "two words" not in caught.value.sentence()


def test_no_secret_is_in_a_connections_repr() -> None:
    shown = repr(Connection("kling", connected(api_key="k").dialect, "https://h", "KEY", "ACCESS", "SECRET"))
    assert not any(secret in shown for secret in ("KEY", "ACCESS", "SECRET"))


def test_the_sandbox_speaks_both_standards_and_says_what_it_is() -> None:
    connection = sandbox_connection("sandbox-key", "http://127.0.0.1:8000/")
    assert (connection.provider, connection.simulated) == ("sandbox", True)
    assert connection.dialect.standards == ("standard", "legacy")
    assert connection.base_url == "http://127.0.0.1:8000"
