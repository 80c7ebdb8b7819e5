"""Settings come from the environment once; what is wrong is told by name, and never becomes more than was meant."""

from __future__ import annotations

import ast
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.promises import keeps

from kling_tools import settings as room
from kling_tools.clock import SystemClock
from kling_tools.connect import open_accounts
from kling_tools.model.errors import BadSettings, InvalidArguments
from kling_tools.providers.registry import GATEWAYS
from kling_tools.settings import DEFAULT_TOOLSETS, TOOLSETS, VARIABLES, Settings

HOME = {"KLING_DATA_DIR": "/data", "KLING_OUTPUT_DIR": "/videos"}


def read(**variables: str) -> Settings:
    """Return settings from these variables."""
    return Settings.from_env({**HOME, **variables})


def test_without_variables_the_documented_defaults_hold() -> None:
    settings = Settings.from_env({})
    assert settings.problems == ()
    assert (settings.max_usd_per_call, settings.max_usd_per_day, settings.confirm_above_usd) == (10, 50, 1)
    assert (settings.max_concurrency, settings.provider, settings.region) == (5, "auto", "global")
    assert settings.toolsets == DEFAULT_TOOLSETS
    assert settings.input_roots is None
    assert settings.data_dir.is_absolute()
    assert settings.output_dir.is_absolute()
    assert not settings.allow_unpriced
    assert not settings.has_keys


def test_every_variable_that_is_read_is_documented_and_every_documented_one_is_read() -> None:
    tree = ast.parse(Path(room.__file__).read_text("utf-8"))
    reader = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "_Reader")
    method = next(n for n in reader.body if isinstance(n, ast.FunctionDef) and n.name == "settings")
    read_names = {
        n.value for n in ast.walk(method) if isinstance(n, ast.Constant) and str(n.value).startswith("KLING_")
    }
    of_gateways = {name for g in GATEWAYS for name in (g.vendor.key, g.vendor.base, g.vendor.ringer) if name}
    assert read_names | of_gateways == {v.name for v in VARIABLES}
    assert all(v.meaning for v in VARIABLES)
    secret = {"KLING_API_KEY", "KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_WEBHOOK_SECRET", "KLING_DATABASE_URL"}
    secret |= {"KLING_HTTP_TOKEN"} | {name for g in GATEWAYS for name in (g.vendor.key, g.vendor.ringer) if name}
    assert {v.name for v in VARIABLES if v.secret} == secret


WRONG = {
    "KLING_REGION": "mars",
    "KLING_BASE_URL": "http://example.com",
    "KLING_PROVIDER": "sora",
    "KLING_MAX_USD_PER_CALL": "lots",
    "KLING_MAX_USD_PER_DAY": "-1",
    "KLING_ALLOW_UNPRICED": "maybe",
    "KLING_CONFIRM_ABOVE_USD": "NaN",
    "KLING_MAX_CONCURRENCY": "0",
    "KLING_TOOLSETS": "video,magic",
    "KLING_READ_ONLY": "2",
    "KLING_IMAGES": "some",
    "KLING_LOG_LEVEL": "LOUD",
    "KLING_SANDBOX_SPEED": "0",
    "KLING_DATA_DIR": "~nobody-has-this-name/data",
    "KLING_INPUT_ROOTS": "~nobody-has-this-name/pictures",
}


@pytest.mark.parametrize(("name", "value"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_is_told_by_name_and_forbids_spending(name: str, value: str) -> None:
    settings = read(**{name: value})
    (problem,) = settings.problems
    assert name in problem
    with pytest.raises(BadSettings, match=name):
        settings.check()


@pytest.mark.parametrize("variable", [v.name for v in VARIABLES])
@keeps("simulated-marked")
def test_a_placeholder_that_a_host_did_not_expand_is_told_as_missing(variable: str) -> None:
    settings = read(**{variable: f"${{{variable}}}"})
    assert any(variable in p and "missing" in p for p in settings.problems)
    assert not settings.has_keys
    with pytest.raises(BadSettings):
        settings.check()


@pytest.mark.parametrize(
    "value", ["lots", "-1", "NaN", "sNaN", "inf", "1e400", "1e999999", "$10", "10 USD", "1,000", "9999999"]
)
@keeps("within-budget")
def test_a_budget_that_cannot_be_read_is_none(value: str) -> None:
    settings = read(KLING_MAX_USD_PER_DAY=value, KLING_MAX_USD_PER_CALL=value)
    assert (settings.max_usd_per_day, settings.max_usd_per_call) == (0, 0)
    assert len(settings.problems) == 2


@pytest.mark.parametrize(("value", "dollars"), [("0", "0"), ("0.5", "0.5"), (" 12 ", "12"), ("1e2", "100"), ("", "50")])
def test_a_budget_is_read_to_the_cent(value: str, dollars: str) -> None:
    assert read(KLING_MAX_USD_PER_DAY=value).max_usd_per_day == Decimal(dollars)


@pytest.mark.parametrize("value", ["${HOME}/pictures", ":", "~nobody-has-this-name/x"])
@keeps("no-leak")
def test_input_roots_that_cannot_be_read_admit_nothing_rather_than_the_default(value: str) -> None:
    settings = read(KLING_INPUT_ROOTS=value)
    assert settings.input_roots == ()
    # What was brought from public addresses is ours.
    assert open_accounts(settings, SystemClock()).orders.inputs.roots == (Path("/data/brought"),)


def test_input_roots_are_several_whole_paths() -> None:
    settings = read(KLING_INPUT_ROOTS=os.pathsep.join(["/a", "~/b", "", "c"]))
    assert settings.input_roots == (Path("/a"), Path.home() / "b", Path.cwd() / "c")


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://x", "https://a:b@x", "https://x/?key=1", "x", "https://", "https://[x"]
)
@keeps("no-leak")
def test_an_address_that_would_carry_the_key_in_the_clear_is_refused(url: str) -> None:
    settings = read(KLING_BASE_URL=url, KLING_API_KEY="api-key-kling-1")
    assert settings.base_url == ""
    with pytest.raises(BadSettings, match="KLING_BASE_URL"):
        settings.check()


@pytest.mark.parametrize(
    "url", ["https://proxy.example/kling/", "http://127.0.0.1:9009", "http://localhost:1", "http://[::1]:1"]
)
def test_https_and_this_machine_are_taken(url: str) -> None:
    assert (read(KLING_BASE_URL=url).base_url, read(KLING_BASE_URL=url).problems) == (url.rstrip("/"), ())


@pytest.mark.parametrize(
    ("variables", "lacking"),
    [
        ({"KLING_ACCESS_KEY": "a"}, "KLING_SECRET_KEY"),
        ({"KLING_SECRET_KEY": "s"}, "KLING_ACCESS_KEY"),
        ({"KLING_PROVIDER": "kling"}, "KLING_API_KEY"),
    ],
)
def test_half_of_the_credentials_is_told_and_not_made_into_a_rehearsal(variables: dict[str, str], lacking: str) -> None:
    settings = read(**variables)
    assert lacking in settings.problems[0]
    opened = open_accounts(settings, SystemClock())
    assert opened.accounts == ()
    with pytest.raises(BadSettings, match=lacking):
        opened.account()


@pytest.mark.parametrize(
    ("variables", "account", "standard"),
    [
        ({}, "sandbox", "standard"),
        ({"KLING_PROVIDER": "sandbox", "KLING_API_KEY": "k"}, "sandbox", "standard"),
        ({"KLING_API_KEY": "k"}, "kling@api-singapore.klingai.com", "standard"),
        ({"KLING_API_KEY": "k", "KLING_REGION": "China"}, "kling@api-beijing.klingai.com", "standard"),
        ({"KLING_ACCESS_KEY": "a", "KLING_SECRET_KEY": "s"}, "kling@api-singapore.klingai.com", "legacy"),
        (
            {"KLING_API_KEY": "k", "KLING_ACCESS_KEY": "a", "KLING_SECRET_KEY": "s"},
            "kling@api-singapore.klingai.com",
            "standard",
        ),
        ({"KLING_API_KEY": "k", "KLING_BASE_URL": "http://127.0.0.1:9009"}, "kling@127.0.0.1:9009", "standard"),
    ],
)
def test_credentials_decide_which_account_is_opened(variables: dict[str, str], account: str, standard: str) -> None:
    opened = open_accounts(read(**variables), SystemClock())
    (only,) = opened.accounts
    assert only is opened.account() is opened.named(account)
    assert (only.name, only.route.standards[0]) == (account, standard)
    assert only.route.standards == (("legacy",) if standard == "legacy" else ("standard", "legacy"))
    assert only.simulated is (account == "sandbox")


def test_a_provider_that_is_not_configured_is_named_with_the_one_that_is() -> None:
    opened = open_accounts(read(KLING_API_KEY="k"), SystemClock())
    assert opened.account("kling") is opened.account("auto")
    assert opened.named("sandbox") is None
    with pytest.raises(InvalidArguments, match='"sandbox" is not configured; there is kling'):
        opened.account("sandbox")


@keeps("no-leak")
def test_the_webhook_secrets_are_several_and_hidden() -> None:
    settings = read(KLING_WEBHOOK_SECRET="whsec_b25l, whsec_dHdv")
    assert settings.webhook_secrets == ("whsec_b25l", "whsec_dHdv")
    assert set(settings.webhook_secrets) <= set(settings.secrets)
    assert "whsec_" not in repr(settings)


def test_toolsets_are_named_in_any_case_and_all_means_every_one() -> None:
    assert read(KLING_TOOLSETS=" Library , JOBS ").toolsets == ("library", "jobs")
    assert read(KLING_TOOLSETS="video,ALL").toolsets == TOOLSETS
    assert set(DEFAULT_TOOLSETS) == set(TOOLSETS) - {"library"}


def test_a_bad_catalogue_never_keeps_the_house_from_opening(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[[model")
    for place in (tmp_path / "own.toml", tmp_path / "nothing.toml", tmp_path):
        opened = open_accounts(read(KLING_CATALOG=str(place)), SystemClock())
        assert opened.accounts
        with pytest.raises(BadSettings, match="KLING_CATALOG"):
            _ = opened.catalog


@keeps("no-leak")
def test_no_secret_is_in_any_repr_or_complaint() -> None:
    keys = {"KLING_API_KEY": "secret-one", "KLING_ACCESS_KEY": "secret-two", "KLING_SECRET_KEY": "secret-three"}
    settings = read(**keys, KLING_REGION="mars", KLING_BASE_URL="https://secret-four:x@host")
    opened = open_accounts(settings, SystemClock())
    assert set(settings.secrets) == {"secret-one", "secret-two", "secret-three"}
    for shown in (repr(settings), repr(opened), *settings.problems):
        assert "secret-" not in shown


@keeps("no-leak")
def test_a_database_is_named_without_what_opens_it() -> None:
    url = "postgresql://kling:hush%21-42@db.test:5432/journal?sslpassword=also-hush&sslmode=require"
    settings = read(KLING_DATABASE_URL=url)
    opened = open_accounts(settings, SystemClock())
    assert settings.database_url == url
    assert set(settings.secrets) == {url, "hush%21-42", "hush!-42", "also-hush"}
    assert opened.store.place == "PostgreSQL at db.test:5432/journal"
    assert "hush" not in f"{settings!r} {opened!r} {opened.store!r} {opened.offices!r}"


@pytest.mark.parametrize(
    "url",
    ["mysql://u:hush@h/d", "postgresql://u:hush@h", "postgresql://u:hush@h:port/d", "u:hush@h/d", "postgresql://[hush"],
)
@keeps("no-leak")
def test_a_database_of_another_kind_is_a_problem_and_never_shown(url: str) -> None:
    settings = read(KLING_DATABASE_URL=url)
    (problem,) = settings.problems
    assert "KLING_DATABASE_URL" in problem
    assert "hush" not in f"{problem} {settings!r}"
    assert settings.database_url == ""
    with pytest.raises(BadSettings):
        settings.check()


@given(st.dictionaries(st.sampled_from([v.name for v in VARIABLES]), st.text(max_size=20), max_size=6))
def test_no_environment_keeps_the_house_from_opening(variables: dict[str, str]) -> None:
    settings = Settings.from_env(variables)
    assert settings.max_usd_per_day >= 0
    assert settings.max_concurrency >= 1
    assert set(settings.toolsets) <= set(TOOLSETS)


def test_a_working_directory_that_was_removed_does_not_keep_the_house_from_opening(tmp_path: Path) -> None:
    before = Path.cwd()
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    try:
        (tmp_path / "gone").rmdir()
        assert open_accounts(read(), SystemClock()).orders.inputs.roots[0] == Path("/videos")
    finally:
        os.chdir(before)


def test_results_are_kept_for_ever_unless_a_limit_can_be_read() -> None:
    for value in ("", "-1", "week", "${DAYS}"):
        settings = Settings.from_env({"KLING_KEEP_DAYS": value, "KLING_KEEP_GB": value})
        assert (settings.keep_days, settings.keep_gb) == (0, 0)
        assert len(settings.problems) == (2 if value else 0)
    assert Settings.from_env({"KLING_KEEP_DAYS": "30", "KLING_KEEP_GB": "0.5"}).keep_gb == 0.5
