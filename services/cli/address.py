"""Where the edit API is, and with which key: read from the environment once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from services.cli.errors import CliError

DEFAULT_URL = "http://127.0.0.1:8081"


@dataclass(frozen=True, slots=True)
class Address:
    """``url`` has no trailing slash; an empty ``key`` means that none is set."""

    url: str = DEFAULT_URL
    key: str = field(default="", repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Address":
        """From ``PROMPTCAST_URL`` and ``PROMPTCAST_API_KEY``; raises :class:`CliError`."""
        url = environ.get("PROMPTCAST_URL", "").strip() or DEFAULT_URL
        if not is_http(url):
            raise CliError(f"PROMPTCAST_URL is not an http:// or https:// address: {url}")
        key = environ.get("PROMPTCAST_API_KEY", "").strip()
        if not (key.isascii() and key.isprintable()):
            raise CliError("PROMPTCAST_API_KEY holds characters that no key has")
        return cls(url.rstrip("/"), key)


def is_http(url: str) -> bool:
    """Whether ``url`` is one that a browser or a client could open."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        return False
