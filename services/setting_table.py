"""The table of settings: name, type, default, and the words that the README and the errors use."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from events.signing import KeyRing
from services import setting_types as types
from services.signing_keys import parse_signing_keys

PREFIX = "PROMPTCAST_"
DEFAULT_PORTS = {"chat": 8080, "admin": 8081}

SECONDS = "a number of seconds above 0, at most 86400"
BOOLEAN = "true or false"
KEY = "visible ASCII characters without spaces"
URL = "an http:// or https:// URL"


def _setting(default: Any, description: str, expects: str, shown: str = "", **more: Any) -> Any:
    """A field. ``expects`` ends the sentence "… must be"; ``shown`` is the default in words."""
    return Field(
        default=default,
        description=description,
        json_schema_extra={"expects": expects, "shown": shown},
        **more,
    )


class Settings(BaseSettings):
    """Everything that can be set, checked. Attributes are named as the variables, in lower case.

    Making one reads no environment: `services.settings.load_settings` does. Secrets do not show in
    its repr, nor does the Redis URL, which may hold a password: log `redis_location` instead.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        validate_default=False,
    )

    redis_url: types.RedisUrl = _setting(
        "redis://127.0.0.1:6379/0",
        "the server that keeps the log",
        "a redis://, rediss:// or unix:// URL, or redis+sentinel://host:port,host:port/master",
        validation_alias="REDIS_URL",
        repr=False,
    )
    namespace: types.Namespace = _setting(
        "promptcast",
        "what all keys on that server begin with, in braces",
        "1 to 64 of a-z, 0-9 and -",
    )
    host: types.Host = _setting(
        "127.0.0.1",
        "the address to listen on; 0.0.0.0 is every IPv4 address, :: every address",
        "a host name or an IP address",
    )
    port: types.Port = _setting(
        DEFAULT_PORTS["chat"],
        "the port to listen on; 0 takes any free one",
        "a port number, 0 to 65535",
        shown="8080 (chat), 8081 (admin)",
    )
    shared_port: types.Port | None = _setting(
        None,
        "a second port, on which several replicas of this machine listen together",
        "a port number, 0 to 65535",
    )
    shared_fd: Annotated[int, Field(ge=3)] | None = _setting(
        None,
        "the same as a listening socket handed down by the parent, where ports cannot be shared",
        "a file descriptor, 3 or above",
        shown="none",
    )
    advertise_url: types.HttpUrl | None = _setting(
        None,
        "where this replica alone is reached, as the fleet view shows it",
        URL,
        shown="host and port",
    )
    replica_id: types.Name = _setting(
        "replica",
        "the replica's name; one living process at a time may have it",
        "1 to 64 letters, digits, dots, dashes or underscores, a letter or digit first",
        shown="host name and a random suffix",
    )
    state_dir: Path | None = _setting(
        None,
        "where an admin keeps its journal of the log, and a replica its last good state and last events",
        "a directory",
        shown="none is kept",
    )
    signing_keys: types.SigningKeys | None = _setting(
        None,
        "keys that sign events, as kid:secret,kid2:secret: all verify, the first signs",
        "kid:secret pairs with commas between, each secret at least 32 bytes "
        "(hexadecimal, base64 or text), each kid once",
        shown="events are not signed",
    )
    admin_key: types.Key | None = _setting(
        None,
        "the key of whoever runs the service: it may do everything, always",
        KEY,
        shown="none: people and API keys only",
    )
    behind_tls: bool = _setting(
        False,
        "a proxy ends TLS before the admin and sets X-Forwarded-Proto and X-Forwarded-For: believe it",
        BOOLEAN,
        shown="false",
    )
    chat_key: types.Key | None = _setting(
        None,
        "the key that chat requests must carry; it is not handed on to the model",
        KEY,
        shown="none: open, on loopback only",
    )
    chat_open: bool = _setting(
        False, "serve chat without a key to other machines too", BOOLEAN, shown="false"
    )
    allow_client_system: bool = _setting(
        False, "let clients send system and developer messages", BOOLEAN, shown="false"
    )
    cors_origins: types.Origins = _setting(
        (),
        "web origins whose pages may call the chat port, with commas between",
        "origins such as https://example.com, or *",
        shown="none",
    )
    ready_when_stale: bool = _setting(
        True, "stay ready while the log is out of reach", BOOLEAN, shown="true"
    )
    stale_after: types.Seconds = _setting(
        5.0, "seconds without the log until a replica calls itself stale", SECONDS
    )
    open_after: types.Pause = _setting(
        2.5,
        "seconds that an admin which remembers nobody listens to the others before it writes",
        "a number of seconds, 0 to 60",
    )
    rejoin_after: types.Pause = _setting(
        5.0,
        "seconds that members get to report again when the server is another one, before saving goes on",
        "a number of seconds, 0 to 60",
    )
    reap_after: types.Seconds = _setting(
        3600.0,
        "seconds of unbroken silence after which a replica counts as dead, and is no member any more",
        SECONDS,
    )
    durability: types.Durability = _setting(
        "fsynced",
        "what a save waits for: fsynced, or replicas:N, or fsynced-replicas:N (the server's replicas)",
        "fsynced, replicas:N or fsynced-replicas:N, with N from 1 to 9",
    )
    server_checks: Annotated[Literal["warn", "refuse", "off"], types.LowerCase] = _setting(
        "warn",
        "when the server could lose acknowledged saves: warn, refuse to start, or off: do not look",
        "warn, refuse or off",
    )
    connections_per_address: Annotated[int, Field(ge=1, le=1_000_000)] = _setting(
        1000,
        "connections that one address may hold open; the next is closed at once",
        "a number from 1 to 1000000",
    )
    prompts: types.Globs = _setting(
        ("*",),
        "which prompts this replica holds: globs with commas between",
        "globs over prompt names, such as support-*,system",
        shown="*",
    )
    model: types.Model | None = _setting(
        None,
        "the model when a prompt's version names none",
        "a model's name without spaces",
        shown="the request's",
    )
    openai_api_key: types.Key | None = _setting(
        None,
        "the key of the model's server",
        KEY,
        shown="none is sent",
        validation_alias="OPENAI_API_KEY",
    )
    openai_base_url: types.HttpUrl | None = _setting(
        None,
        "the OpenAI-compatible server that answers",
        URL,
        shown="OpenAI's own",
        validation_alias="OPENAI_BASE_URL",
        repr=False,
    )
    upstream_timeout: types.Seconds = _setting(
        120.0, "seconds that an answer of the model may take as a whole", SECONDS
    )
    upstream_first_byte_timeout: types.Seconds = _setting(
        60.0, "seconds until the first byte of a streamed answer", SECONDS
    )
    chat_concurrency: Annotated[int, Field(ge=1, le=100_000)] = _setting(
        256, "chat requests at a time; the next is told to come back", "a number from 1 to 100000"
    )
    drain_timeout: types.Seconds = _setting(
        25.0, "seconds that answers in flight get to finish when a service stops", SECONDS
    )
    drain_notice: types.Pause = _setting(
        2.0,
        "the first of those: a replica that stops takes requests still, while load balancers notice",
        "a number of seconds, 0 to 60",
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], types.LowerCase] = _setting(
        "info", "the least that is logged", "debug, info, warning or error"
    )
    log_format: Annotated[Literal["json", "console"], types.LowerCase] = _setting(
        "json", "json for programs, console for people", "json or console"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the parent's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the parent's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the parent's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the parent's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed over: the environment is read in one place, `services.settings`."""
        return (init_settings,)

    @property
    def redis_location(self) -> str:
        """The Redis URL without user, password and query: fit for a log."""
        return types.without_secrets(self.redis_url)

    def key_ring(self) -> KeyRing:
        """The signing keys, decoded; an empty ring when none are set."""
        if self.signing_keys is None:
            return KeyRing()
        return parse_signing_keys(self.signing_keys.get_secret_value())

    def holds(self, prompt: str) -> bool:
        """Whether this replica holds the prompt of that name."""
        return any(fnmatchcase(prompt, glob) for glob in self.prompts)
