"""The URL of a log whose master Sentinel names.

``redis+sentinel://[user:password@]host[:port],host[:port]…/<master name>[/db][?option=value&…]``

``rediss+sentinel://`` is the same over TLS, to the sentinels as well. User and password are the
master's; the sentinels' own are the options ``sentinel_username`` and ``sentinel_password``. An IPv6
address stands in brackets. Imports nothing of redis-py's: settings are checked by this, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

SCHEMES = ("redis+sentinel", "rediss+sentinel")
DEFAULT_PORT = 26379
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]+)?)\]|([A-Za-z0-9._-]{1,253}))")
_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}
_OPTIONS = {
    "client_name", "socket_keepalive",
    "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname",
    "ssl_ciphers", "ssl_keyfile", "ssl_min_version", "ssl_password",
}  # fmt: skip
"""What else may stand behind the question mark, as redis-py names it."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def is_sentinel(url: str) -> bool:
    """Whether ``url`` names sentinels, rather than the server itself."""
    return url.partition("://")[0] in SCHEMES


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Whom to ask for which master, and with what to come to it."""

    sentinels: tuple[Address, ...]
    master: str
    db: int = 0
    is_tls: bool = False
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """``username`` and ``password`` of the master; absent when there are none."""
    sentinel_credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = field(default="", repr=False)
    """The options for every connection, as they stand in a URL."""

    @classmethod
    def parse(cls, url: str) -> "SentinelUrl":
        """Raises ``ValueError`` with what is wrong, and without any secret."""
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES or "#" in url:
            raise ValueError("no sentinel URL")
        place, _, query = rest.partition("?")
        authority, _, path = place.partition("/")
        user, _, hosts = authority.rpartition("@")
        master, _, db = path.partition("/")
        theirs, options = _options(query, is_tls=scheme == SCHEMES[1])
        return cls(
            sentinels=tuple(_address(host) for host in hosts.split(",")),
            master=_checked(unquote(master)),
            db=_number(db or "0", 0, 1_000_000, "database"),
            is_tls=scheme == SCHEMES[1],
            credentials=_user(user),
            sentinel_credentials=theirs,
            query=options,
        )

    def __str__(self) -> str:
        """As it may be logged: whom is asked, for what."""
        scheme = SCHEMES[self.is_tls]
        hosts = ",".join(str(address) for address in self.sentinels)
        return f"{scheme}://{hosts}/{self.master}" + (f"/{self.db}" if self.db else "")


def _address(text: str) -> Address:
    found = _HOST.match(text)
    rest = text[found.end() :] if found else text
    if found is None or not (rest == "" or rest.startswith(":")):
        raise ValueError("a sentinel's address is missing or wrong")
    port = _number(rest[1:], 1, 65535, "port") if rest else DEFAULT_PORT
    return Address(found[1] or found[2], port)


def _checked(master: str) -> str:
    if not _NAME.fullmatch(master):
        raise ValueError("the master's name is missing or wrong")
    return master


def _number(text: str, least: int, most: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most and len(text) < 9):
        raise ValueError(f"{what} is no number from {least} to {most}")
    return int(text)


def _user(user: str) -> dict[str, str]:
    name, _, password = user.partition(":")
    given = {"username": unquote(name), "password": unquote(password)}
    return {key: value for key, value in given.items() if value}


def _options(query: str, *, is_tls: bool) -> tuple[dict[str, str], str]:
    """The sentinels' credentials, and what else there is."""
    theirs, others = {}, []
    for part in filter(None, query.split("&")):
        ((name, value),) = parse_qsl(part, keep_blank_values=True) or [("", "")]
        if name in _SENTINELS:
            theirs[_SENTINELS[name]] = value
        elif name in _OPTIONS and (is_tls or not name.startswith("ssl_")):
            others.append(part)
        else:
            raise ValueError(f"there is no option {name[:40]!r}")
    return theirs, "&".join(others)
