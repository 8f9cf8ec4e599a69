"""Preconditions and idempotency keys: how a request says what it is based on, and which one it is.

``If-Match`` holds ``*`` or one strong ETag (RFC 9110, section 13.1.1). An ETag that is well formed
but not the prompt's revision fails (412), whatever it says; what is not well formed (a bare number, a
weak ETag, a list) is refused (422), so that nobody takes a slip for somebody else's change.
``If-None-Match`` of a change can only be ``*``. Both together can never hold: 412.
"""

import hashlib
import re

from aiohttp import web

from events.envelope import RequestKey
from events.limits import MAX_REQUEST_KEY_CHARACTERS
from projections.decisions import Expected
from services.admin.params import Param

NEVER = 0
"""A revision that no prompt has: they are positions, and those begin with 1."""
_ETAG = re.compile(r'"([!#-~]*)"')
_REVISION = re.compile(r"[1-9][0-9]{0,18}")
_KEY_CHARACTERS = f"[!#-~]{{1,{MAX_REQUEST_KEY_CHARACTERS}}}"
_KEY = re.compile(f'("?)({_KEY_CHARACTERS})\\1')


def etag(revision: int) -> str:
    """The ETag of a prompt at ``revision``."""
    return f'"{revision}"'


def _match(text: str) -> Expected:
    if text == "*":
        return "any"
    if not (tag := _ETAG.fullmatch(text)):
        raise ValueError('must be a revision in quotes, such as "57", or *')
    return int(tag[1]) if _REVISION.fullmatch(tag[1]) else NEVER


def _none_match(text: str) -> Expected:
    if text != "*":
        raise ValueError("can only be * here, to create the prompt")
    return "absent"


def _key(text: str) -> str:
    if not (key := _KEY.fullmatch(text)):
        raise ValueError(
            f"must be 1 to {MAX_REQUEST_KEY_CHARACTERS} visible ASCII characters other than '\"',"
            " in quotes or not"
        )
    return key[2]


IF_MATCH: Param[Expected] = Param(
    name="If-Match",
    place="header",
    description='The revision that the change is based on, as an ETag: `"57"`; `*` insists.',
    schema={
        "type": "string",
        "anyOf": [{"enum": ["*"]}, {"pattern": '^"[!#-~]*"$'}],
        "examples": ['"57"', "*"],
    },
    parse=_match,
)
IF_NONE_MATCH: Param[Expected] = Param(
    name="If-None-Match",
    place="header",
    description="`*`: only if the prompt does not exist, or is archived.",
    schema={"type": "string", "enum": ["*"]},
    parse=_none_match,
)
IDEMPOTENCY_KEY: Param[str | None] = Param(
    name="Idempotency-Key",
    place="header",
    description="Makes repeating safe: a request is carried out once under its key. Quoted or bare.",
    schema={
        "type": "string",
        "pattern": f'^({_KEY_CHARACTERS}|"{_KEY_CHARACTERS}")$',
        "examples": ['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
    },
    parse=_key,
)
CHANGE_HEADERS = (IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY_KEY)


def expected(request: web.Request) -> Expected:
    """The revision that a change is based on; None when it says nothing of it."""
    match, none_match = IF_MATCH.of(request), IF_NONE_MATCH.of(request)
    if match is not None and none_match is not None:
        return NEVER
    return match if match is not None else none_match


def request_key(request: web.Request, actor: str, body: bytes) -> RequestKey | None:
    """The idempotency key, with a hash of what it stands for; None without one."""
    key = IDEMPOTENCY_KEY.of(request)
    return None if key is None else RequestKey(actor, key, request_hash(request, body))


def request_hash(request: web.Request, body: bytes) -> str:
    """SHA-256 (hex) of method, path, preconditions and body; ``wait`` and ``timeout`` do not count.

    The parts before the body hold no newline, so no two requests give the same bytes.
    """
    preconditions = [request.headers.get(name, "") for name in ("If-Match", "If-None-Match")]
    parts = [request.method, request.rel_url.raw_path, *preconditions]
    head = "\n".join(parts).encode(errors="surrogateescape")
    return hashlib.sha256(head + b"\n" + body).hexdigest()


def none_matches(request: web.Request, revision: int) -> bool:
    """Whether a read's ``If-None-Match`` names ``revision``, so that 304 will do.

    Weak and strong ETags count alike here (RFC 9110, section 13.1.2); what is none is passed over.
    """
    sent = ",".join(request.headers.getall("If-None-Match", []))
    tags = {tag.strip().removeprefix("W/") for tag in sent.split(",")}
    return "*" in tags or etag(revision) in tags
