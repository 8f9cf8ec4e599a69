"""What a setting may hold: the types of `services.settings.Settings`, each with its own check.

A check raises `ValueError`; what is right instead is said once, beside the setting.
"""

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from events.streams.sentinel_url import SentinelUrl, is_sentinel
from services.signing_keys import parse_signing_keys

REDIS_SCHEMES = ("redis", "rediss", "unix")


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(item for item in (part.strip() for part in value.split(",")) if item)


def _visible(text: str) -> str:
    if any(not 33 <= ord(c) <= 126 for c in text):
        raise ValueError("characters")
    return text


def _split(url: str, schemes: tuple[str, ...]) -> SplitResult:
    parts = urlsplit(_visible(url))
    if parts.scheme not in schemes:
        raise ValueError("scheme")
    return parts


def _redis_url(url: str) -> str:
    if is_sentinel(url):  # several addresses: no URL that urlsplit could take apart
        SentinelUrl.parse(_visible(url))
        return url
    parts = _split(url, REDIS_SCHEMES)
    if not (parts.path.strip("/") if parts.scheme == "unix" else parts.hostname):
        raise ValueError("no address")
    if parts.scheme in {"redis", "rediss"} and parts.port == 0:  # .port raises if it is no port
        raise ValueError("port 0")
    return url


def _http_url(url: str) -> str:
    parts = _split(url, ("http", "https"))
    if not parts.hostname or parts.port == 0 or parts.fragment:
        raise ValueError("no address")
    return url.rstrip("/")


def _origin(origin: str) -> str:
    if origin == "*":
        return origin
    parts = _split(origin, ("http", "https"))
    if not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ValueError("not an origin")
    return origin


def _key(key: SecretStr) -> SecretStr:
    if any(not 33 <= ord(c) <= 126 for c in key.get_secret_value()):
        raise ValueError("cannot be sent in a header")
    return key


def _signing_keys(keys: SecretStr) -> SecretStr:
    parse_signing_keys(keys.get_secret_value())
    return keys


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def without_secrets(url: str) -> str:
    """A URL as it may be logged: without user name, password and query."""
    if is_sentinel(url):
        return str(SentinelUrl.parse(url))
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
Pause = Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,253}$")]
Model = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
Key = Annotated[SecretStr, AfterValidator(_key)]
SigningKeys = Annotated[SecretStr, AfterValidator(_signing_keys)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Globs = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z0-9._*?\[\]!-]{1,64}$")], ...],
    Field(min_length=1, max_length=100),
    NoDecode,
    BeforeValidator(_listed),
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...],
    Field(max_length=100),
    NoDecode,
    BeforeValidator(_listed),
]
Durability = Annotated[str, Field(pattern=r"^(fsynced|(fsynced-)?replicas:[1-9])$")]
LowerCase = BeforeValidator(_lower)
