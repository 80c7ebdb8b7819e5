"""Settings from the environment as one frozen value, read once by the face that starts the house.

What is wrong with a setting is collected, not raised: a server that dies at start tells its person nothing, one that
runs and refuses to spend can say what to mend.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from kling_tools.model.errors import BadSettings
from kling_tools.providers.registry import GATEWAYS, Gateway

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: A larger budget is a slip of the finger, and its figures would not fit the journal.
MOST_DOLLARS = 1_000_000
TOOLSETS = ("video", "image", "audio", "library", "jobs", "results", "account")
DEFAULT_TOOLSETS = ("video", "image", "audio", "jobs", "results", "account")


#: A caller's name and what opens the door for them.
_CALLER = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):(.+)")


@dataclass(frozen=True)
class Variable:
    """One environment variable: its default as words and what it means."""

    name: str
    default: str
    meaning: str
    secret: bool = False


def _of_gateways(gateways: Sequence[Gateway]) -> Iterator[Variable]:
    for vendor in (gateway.vendor for gateway in gateways):
        yield Variable(vendor.key, "", f"Key of {vendor.title}, another way to Kling's models", secret=True)
        yield Variable(vendor.base, vendor.address, f"Another host for {vendor.title}, for trials")
        if vendor.ringer:
            yield Variable(vendor.ringer, "", f"Key with which {vendor.title} signs its callbacks", secret=True)


VARIABLES = (
    Variable("KLING_API_KEY", "", "Kling API key (both API standards, all models)", secret=True),
    Variable("KLING_ACCESS_KEY", "", "Kling access key, with KLING_SECRET_KEY (legacy API standard)", secret=True),
    Variable("KLING_SECRET_KEY", "", "Kling secret key; signs the JWT and never leaves this machine", secret=True),
    Variable("KLING_REGION", "global", "global or china: keys, tasks and hosts are separate"),
    Variable("KLING_BASE_URL", "the region's host", "Another host; http only for loopback"),
    *_of_gateways(GATEWAYS),
    Variable(
        "KLING_PROVIDER",
        "auto",
        "auto: the cheapest configured one that can do it; or one name, such as kling; without any key the sandbox",
    ),
    Variable("KLING_DATA_DIR", "the platform's user data directory", "The journal of tasks and money; a local disk"),
    Variable(
        "KLING_DATABASE_URL",
        "",
        "postgresql://… : the journal in a database that several machines share; needs kling-mcp[cluster]",
        secret=True,
    ),
    Variable("KLING_OUTPUT_DIR", "~/Videos/kling, else <data dir>/outputs", "Finished media"),
    Variable("KLING_KEEP_DAYS", "0", "Results are removed from this disk after so many days; 0 keeps them for ever"),
    Variable("KLING_KEEP_GB", "0", "The oldest results are removed while there are more gigabytes; 0 is no limit"),
    Variable("KLING_MAX_USD_PER_CALL", "10", "Hard budget of one call; 0 forbids spending"),
    Variable("KLING_MAX_USD_PER_DAY", "50", "Hard budget of one local day, for each caller; 0 forbids spending"),
    Variable(
        "KLING_MAX_USD_PER_DAY_ALL",
        "10 times KLING_MAX_USD_PER_DAY",
        "Hard budget of one local day for all callers of the HTTP server together",
    ),
    Variable("KLING_ALLOW_UNPRICED", "0", "1: a task of unknown price may be bought"),
    Variable("KLING_CONFIRM_ABOVE_USD", "1", "Above this the person has to agree to the price"),
    Variable("KLING_MAX_CONCURRENCY", "5", "Running tasks per account and model"),
    Variable(
        "KLING_INPUT_ROOTS",
        "outputs, the current directory, Desktop, Downloads, Pictures, Videos, Movies, Music",
        "Directories from which files may be read, separated as in PATH",
    ),
    Variable("KLING_TOOLSETS", ",".join(DEFAULT_TOOLSETS), "Which tools are offered, or all"),
    Variable("KLING_READ_ONLY", "0", "1: only tools that spend and change nothing"),
    Variable("KLING_CATALOG", "", "A TOML file of your own that adds models, corrects prices, switches models on"),
    Variable("KLING_WEBHOOK_SECRET", "", "Kling's whsec_… for signed callbacks; two while it is rotated", secret=True),
    Variable("KLING_CALLBACK_URL", "", "Where providers reach this server's /callbacks: https://kling.example"),
    Variable(
        "KLING_HTTP_TOKEN",
        "",
        "Who may use the HTTP server: one token, or name:token,name:token with tasks and a budget for each name",
        secret=True,
    ),
    Variable("KLING_HTTP_HOSTS", "", "Public names of the HTTP server, as clients write them, separated by commas"),
    Variable("KLING_HTTP_RATE", "50", "Requests a second that one caller of the HTTP server may make"),
    Variable("KLING_OAUTH_ISSUER", "", "Whose OAuth access tokens (JWT) open the HTTP server"),
    Variable("KLING_OAUTH_RESOURCE", "", "The HTTP server's own public address, which those tokens are issued for"),
    Variable("KLING_FFMPEG", "on PATH, else imageio-ffmpeg", "Path of ffmpeg"),
    Variable("KLING_IMAGES", "1", "0: answers without images"),
    Variable("KLING_LOG_LEVEL", "WARNING", "DEBUG, INFO, WARNING or ERROR, on stderr"),
    Variable("KLING_SANDBOX_SPEED", "10", "How much faster than life the simulated Kling works"),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a person can set. Amounts in US dollars. `problems` says what is wrong, by variable."""

    data_dir: Path
    output_dir: Path
    api_key: str = field(default="", repr=False)
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)
    region: str = "global"
    base_url: str = ""
    provider: str = "auto"
    gateway_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    gateway_urls: Mapping[str, str] = field(default_factory=dict)
    gateway_ringers: Mapping[str, str] = field(default_factory=dict, repr=False)
    keep_days: float = 0.0
    keep_gb: float = 0.0
    max_usd_per_call: Decimal = Decimal(10)
    max_usd_per_day: Decimal = Decimal(50)
    max_usd_per_day_all: Decimal | None = None
    allow_unpriced: bool = False
    confirm_above_usd: Decimal = Decimal(1)
    max_concurrency: int = 5
    input_roots: tuple[Path, ...] | None = None
    toolsets: tuple[str, ...] = DEFAULT_TOOLSETS
    read_only: bool = False
    catalog: Path | None = None
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    callback_url: str = ""
    http_tokens: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    http_hosts: tuple[str, ...] = ()
    http_rate: float = 50.0
    oauth_issuer: str = ""
    oauth_resource: str = ""
    ffmpeg: str = ""
    images: bool = True
    log_level: str = "WARNING"
    sandbox_speed: float = 10.0
    problems: tuple[str, ...] = ()

    @property
    def has_keys(self) -> bool:
        """Whether official credentials are set."""
        return bool(self.api_key or (self.access_key and self.secret_key))

    @property
    def has_any_key(self) -> bool:
        """Whether any provider can be bought from."""
        return self.has_keys or bool(self.gateway_keys)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must never be shown."""
        tokens = (token for _, token in self.http_tokens)
        own = (self.api_key, self.secret_key, self.access_key, *self.webhook_secrets, *tokens)
        keys = (*own, *self.gateway_keys.values(), *self.gateway_ringers.values())
        return tuple(s for s in (*keys, self.database_url, *_passwords(self.database_url)) if s)

    def check(self) -> None:
        """Refuse to spend on settings that are not what the person meant.

        Raises:
            BadSettings
        """
        if self.problems:
            raise BadSettings(" ".join(self.problems), advice="Mend the host's configuration and restart the server.")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, gateways: Sequence[Gateway] = GATEWAYS) -> Settings:
        """Read the environment; wrong values become `problems` and their defaults hold."""
        return _Reader(dict(os.environ if env is None else env), gateways).settings()


class _Reader:
    def __init__(self, env: dict[str, str], gateways: Sequence[Gateway]) -> None:
        self.env = env
        self.vendors = [gateway.vendor for gateway in gateways]
        self.problems: list[str] = []

    def settings(self) -> Settings:
        data_dir = self.path("KLING_DATA_DIR") or _platform_data_dir()
        settings = Settings(
            data_dir=data_dir,
            output_dir=self.path("KLING_OUTPUT_DIR") or _default_output_dir(data_dir),
            api_key=self.text("KLING_API_KEY"),
            access_key=self.text("KLING_ACCESS_KEY"),
            secret_key=self.text("KLING_SECRET_KEY"),
            database_url=self.database_url("KLING_DATABASE_URL"),
            region=self.one_of("KLING_REGION", ("global", "china"), "global"),
            base_url=self.base_url("KLING_BASE_URL"),
            provider=self.one_of(
                "KLING_PROVIDER", ("auto", "kling", "sandbox", *(v.name for v in self.vendors)), "auto"
            ),
            gateway_keys={v.name: key for v in self.vendors if (key := self.text(v.key))},
            gateway_urls={v.name: url for v in self.vendors if (url := self.base_url(v.base))},
            gateway_ringers={v.name: key for v in self.vendors if v.ringer and (key := self.text(v.ringer))},
            keep_days=self.number("KLING_KEEP_DAYS", 0.0, least=0),
            keep_gb=self.number("KLING_KEEP_GB", 0.0, least=0),
            max_usd_per_call=self.dollars("KLING_MAX_USD_PER_CALL", "10"),
            max_usd_per_day=self.dollars("KLING_MAX_USD_PER_DAY", "50"),
            max_usd_per_day_all=self.budget_of_all("KLING_MAX_USD_PER_DAY_ALL"),
            allow_unpriced=self.flag("KLING_ALLOW_UNPRICED", False),
            confirm_above_usd=self.dollars("KLING_CONFIRM_ABOVE_USD", "1"),
            max_concurrency=int(self.number("KLING_MAX_CONCURRENCY", 5, least=1)),
            input_roots=self.roots("KLING_INPUT_ROOTS"),
            toolsets=self.toolsets("KLING_TOOLSETS"),
            read_only=self.flag("KLING_READ_ONLY", False),
            catalog=self.path("KLING_CATALOG"),
            webhook_secrets=tuple(self.text("KLING_WEBHOOK_SECRET").replace(",", " ").split()),
            callback_url=self.base_url("KLING_CALLBACK_URL"),
            http_tokens=self.tokens("KLING_HTTP_TOKEN"),
            http_hosts=tuple(h.strip().lower() for h in self.text("KLING_HTTP_HOSTS").split(",") if h.strip()),
            http_rate=self.number("KLING_HTTP_RATE", 50.0, least=1),
            oauth_issuer=self.base_url("KLING_OAUTH_ISSUER", bare=False),
            oauth_resource=self.base_url("KLING_OAUTH_RESOURCE"),
            ffmpeg=self.text("KLING_FFMPEG"),
            images=self.flag("KLING_IMAGES", True),
            log_level=self.one_of("KLING_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "WARNING"),
            sandbox_speed=self.number("KLING_SANDBOX_SPEED", 10.0, least=0.01),
            problems=(),
        )
        self.pair(settings)
        return settings if not self.problems else _with_problems(settings, tuple(self.problems))

    def text(self, name: str) -> str:
        value = self.env.get(name, "").strip()
        if "${" in value:
            self.problems.append(f"{name} is missing: the host passed it on unexpanded, as a ${{…}} placeholder.")
            return ""
        return value

    def pair(self, settings: Settings) -> None:
        if bool(settings.access_key) != bool(settings.secret_key) and not settings.api_key and not self.problems:
            lacking = "KLING_SECRET_KEY" if settings.access_key else "KLING_ACCESS_KEY"
            self.problems.append(f"{lacking} is missing: the access key and the secret key only work together.")
        if bool(settings.oauth_issuer) != bool(settings.oauth_resource):
            lacking = "KLING_OAUTH_RESOURCE" if settings.oauth_issuer else "KLING_OAUTH_ISSUER"
            self.problems.append(f"{lacking} is missing: the issuer and the resource only work together.")
        if settings.provider == "kling" and not settings.has_keys and not self.problems:
            self.problems.append("KLING_PROVIDER is kling, and neither KLING_API_KEY nor an access key pair is set.")
        for vendor in self.vendors:
            chosen = settings.provider == vendor.name
            if chosen and vendor.name not in settings.gateway_keys and not self.problems:
                self.problems.append(f"KLING_PROVIDER is {vendor.name}, and {vendor.key} is not set.")

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return self.whole(name, value) if value else None

    def roots(self, name: str) -> tuple[Path, ...] | None:
        value = self.text(name)
        if not value:
            # What was meant as a limit and cannot be read must not become the wider default.
            return () if self.env.get(name, "").strip() else None
        found = [self.whole(name, part) for part in value.split(os.pathsep) if part.strip()]
        return tuple(path for path in found if path is not None)

    def whole(self, name: str, value: str) -> Path | None:
        try:
            return Path(value).expanduser().absolute()
        except (RuntimeError, OSError):
            self.problems.append(f"{name} starts where there is no directory: write whole paths.")
            return None

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name) or default
        for word in allowed:
            if word.lower() == value.lower():
                return word
        self.problems.append(f"{name} has to be one of {', '.join(allowed)}.")
        return default

    def toolsets(self, name: str) -> tuple[str, ...]:
        words = tuple(w.strip().lower() for w in self.text(name).split(",") if w.strip())
        if not words:
            return DEFAULT_TOOLSETS
        if "all" in words:
            return TOOLSETS
        if unknown := [w for w in words if w not in TOOLSETS]:
            self.problems.append(f"{name} names unknown toolsets; there are {', '.join(TOOLSETS)} and all.")
            words = tuple(w for w in words if w not in unknown)
        return words or DEFAULT_TOOLSETS

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name).lower()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        if value:
            self.problems.append(f"{name} has to be 0 or 1.")
        return default

    def number(self, name: str, default: float, *, least: float) -> float:
        value = self.text(name)
        try:
            number = float(value) if value else default
        except ValueError:
            number = least - 1
        if not least <= number < 1e9:
            self.problems.append(f"{name} has to be a number of at least {least:g}.")
            return default
        return number

    def dollars(self, name: str, default: str) -> Decimal:
        value = self.text(name)
        try:
            amount = Decimal(value or default)
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or not 0 <= amount <= MOST_DOLLARS:
            # A budget that cannot be read must not become a larger one.
            self.problems.append(f"{name} has to be an amount of US dollars such as {default}.")
            return Decimal(0)
        return amount

    def budget_of_all(self, name: str) -> Decimal | None:
        return self.dollars(name, "0") if self.text(name) else None

    def tokens(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return callers and their tokens; one token alone is the owner's, whose name is empty."""
        found: dict[str, str] = {}
        given = self.text(name)
        for part in (part.strip() for part in given.split(",") if given):
            match = _CALLER.fullmatch(part)
            caller, token = (match[1], match[2]) if match else ("", part)
            # Where a variable was not set, `ann:` is left of it: no token, and least of all the owner's.
            empty = not token or token.endswith(":")
            if empty or caller in found or token in found.values() or not token.isascii() or " " in token:
                # Not repeated here: what looks wrong may still be a token.
                self.problems.append(f"{name} has to be one token, or name:token,name:token with each name once.")
                return ()
            found[caller] = token
        return tuple(found.items())

    def base_url(self, name: str, *, bare: bool = True) -> str:
        # An issuer is compared letter by letter, also with a slash at its end.
        value = self.text(name).rstrip("/") if bare else self.text(name)
        if not value:
            return ""
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = urlsplit("")
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not (parts.scheme == "https" or local) or not parts.hostname or parts.username or parts.query:
            self.problems.append(f"{name} has to be an https address (http only for loopback) without user or query.")
            return ""
        return value

    def database_url(self, name: str) -> str:
        value = self.text(name)
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            right = parts.scheme in {"postgresql", "postgres"} and parts.port != 0 and len(parts.path) > 1
        except ValueError:
            right = False
        if not right or not value.isprintable() or " " in value:
            # The value is not repeated: what looks wrong may still be a password.
            self.problems.append(f"{name} has to be an address such as postgresql://user@host:5432/database.")
            return ""
        return value


def _passwords(url: str) -> tuple[str, ...]:
    """Return what of a database's address must not be shown, as it stands there and as it is meant."""
    parts = urlsplit(url)
    named = [v for k, v in parse_qsl(parts.query) if k in {"password", "sslpassword"}]
    return tuple(dict.fromkeys(form for word in (parts.password or "", *named) for form in (word, unquote(word))))


def _with_problems(settings: Settings, problems: tuple[str, ...]) -> Settings:
    from dataclasses import replace

    return replace(settings, problems=problems)


def _platform_data_dir() -> Path:
    from platformdirs import user_data_path

    return user_data_path("kling-mcp", appauthor=False)


def _default_output_dir(data_dir: Path) -> Path:
    try:
        videos = Path.home() / "Videos"
    except RuntimeError:  # a user without a home directory, as in some containers
        return data_dir / "outputs"
    return videos / "kling" if videos.is_dir() else data_dir / "outputs"
