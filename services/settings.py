"""The settings of every service: read once, at the edge, into one frozen object.

A setting comes from an environment variable: ``PROMPTCAST_`` and its name in capitals; three that
other programs know too have no prefix. An empty variable counts as unset. A wrong one stops the
start with a `SettingsError`, whose text is one line: the variable, and what it must be.
"""

import secrets
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from events.errors import PromptcastError
from services.setting_table import DEFAULT_PORTS, PREFIX, Settings

__all__ = [
    "Settings",
    "SettingsError",
    "documented",
    "fresh_replica_id",
    "load_settings",
    "variable",
]

MIN_ADMIN_KEY = 16

Service = Literal["chat", "admin"]


class SettingsError(PromptcastError):
    """A setting is wrong. One line that names the variable and the remedy, and no secret."""


def load_settings(
    environ: Mapping[str, str],
    *,
    service: Service | None = None,
    default_replica_id: str = "replica",
) -> Settings:
    """The settings that ``environ`` makes, checked for ``service`` as well when one is named.

    Raises `SettingsError` for the first that is wrong, without repeating a secret.
    """
    source = EnvSettingsSource(Settings)
    # The source looks variables up in lower case, and took os.environ by itself: give it ours.
    source.env_vars = {
        name.lower(): value.strip()
        for name, value in environ.items()
        if name.isupper() and value.strip()
    }
    values = {"replica_id": default_replica_id, "port": DEFAULT_PORTS[service or "chat"]}
    try:
        settings = Settings(**{**values, **source()})
    except ValidationError as error:
        raise SettingsError(_explained(error, environ)) from None  # its cause may hold a secret
    if service == "chat":
        _check_chat(settings)
    if service == "admin":
        _check_admin(settings)
    return settings


def fresh_replica_id() -> str:
    """A replica id for this run: the host's name and a random suffix. Not pure: for the edge."""
    host = "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname())
    return f"{host.strip('-')[:48] or 'replica'}-{secrets.token_hex(3)}"


def variable(field: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def documented() -> list[tuple[str, str, str]]:
    """Each setting as (variable, default in words, description), in the order of the table."""
    return [
        (variable(name), _extra(name)["shown"] or str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _extra(field: str) -> dict[str, Any]:
    extra = Settings.model_fields[field].json_schema_extra
    assert isinstance(extra, dict)  # noqa: S101  every field is made by the table's own function
    return extra


def _explained(error: ValidationError, environ: Mapping[str, str]) -> str:
    location = str(error.errors(include_input=False)[0]["loc"][0])
    field = next(f for f in Settings.model_fields if location in (f, variable(f)))
    name = variable(field)
    value = environ.get(name, "")
    hint = ""
    if field in {"port", "shared_port"} and value.startswith("tcp://"):
        hint = (
            " (Kubernetes sets it so for a Service of the name promptcast:"
            " set enableServiceLinks: false)"
        )
    return f"{name} must be {_extra(field)['expects']}{_quoted(field, value)}{hint}"


def _quoted(field: str, value: str) -> str:
    """What was found instead, unless it may be or hold a secret."""
    info = Settings.model_fields[field]
    if not info.repr or "SecretStr" in str(info.annotation):
        return ""
    return f", not {value[:80]!r}"


def _check_chat(settings: Settings) -> None:
    open_to_all = settings.chat_key is None and not settings.chat_open
    if open_to_all and not _is_loopback(settings.host):
        raise SettingsError(
            f"PROMPTCAST_CHAT_KEY is not set, and {settings.host} can be reached from other"
            " machines: set it, or PROMPTCAST_CHAT_OPEN=true to serve everybody"
        )
    if settings.openai_api_key is None and settings.openai_base_url is None:
        raise SettingsError(
            "OPENAI_API_KEY is not set: set it, or OPENAI_BASE_URL to a server that needs no key"
        )


def _check_admin(settings: Settings) -> None:
    key = settings.admin_key
    if key is not None and len(key.get_secret_value()) < MIN_ADMIN_KEY:
        raise SettingsError(
            f"PROMPTCAST_ADMIN_KEY must have at least {MIN_ADMIN_KEY} characters:"
            " make one with `openssl rand -hex 32`"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: it may mean any address
        return False
