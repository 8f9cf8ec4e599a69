"""``/api/v1/keys``: API keys, for pipelines and other programs."""

from aiohttp import web

from events.envelope import rfc3339
from events.limits import KEY_ID
from projections.access import Key
from projections.refusals import Refused
from services.admin.access.bodies import KeyBody, KeyPage, NewKeyBody, NewKeyRequest
from services.admin.access.parts import ACCESS
from services.admin.answers import answer
from services.admin.body import read_model
from services.admin.context import ACTOR
from services.admin.endpoint import READS_LOG, WRITES_LOG, Answer, Endpoint
from services.admin.params import Param, pattern

KEY: Param[str] = Param(
    name="key",
    place="path",
    description="The key's id: its part between the two underscores.",
    schema={"type": "string", "pattern": KEY_ID, "examples": ["0123456789ab"]},
    parse=pattern(KEY_ID, "there is no such key"),
    required=True,
)


async def list_keys(request: web.Request) -> web.Response:
    """All keys, without what is secret of them."""
    book = request.app[ACCESS].book
    await book.confirm()
    keys = sorted(book.access.keys.values(), key=lambda key: key.position)
    return answer(KeyPage(items=[_shown(key) for key in keys], next=None))


async def add_key(request: web.Request) -> web.Response:
    """A new key; this answer is the only place where its secret ever stands."""
    body, _ = await read_model(request, NewKeyRequest)
    access = request.app[ACCESS]
    new = access.secrets.new_key()
    await access.credentials.set_key(new.id, new.digest)  # without its event it opens nothing
    try:
        key = await access.book.add_key(new.id, body.name, body.role, request[ACTOR])
    except Refused:
        await access.credentials.erase_key(new.id)
        raise
    made = NewKeyBody(**_shown(key).model_dump(), secret=new.shown)
    return answer(made, 201, {"Location": f"/api/v1/keys/{new.id}"})


async def revoke_key(request: web.Request) -> web.Response:
    """From now on the key opens nothing, at no admin instance."""
    key_id, access = KEY.of(request), request.app[ACCESS]
    await access.book.revoke_key(key_id, request[ACTOR])
    await access.credentials.erase_key(key_id)
    return web.Response(status=204)


def _shown(key: Key) -> KeyBody:
    return KeyBody(
        key=key.id,
        name=key.name,
        role=key.role,
        added_at=rfc3339(key.added_at),
        added_by=key.added_by,
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/keys",
        handler=list_keys,
        name="listKeys",
        tag="Access",
        role="admin",
        summary="The API keys, without their secrets",
        answers=(Answer(200, "All keys, oldest first.", KeyPage),),
        problems=READS_LOG,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/keys",
        handler=add_key,
        name="addKey",
        tag="Access",
        role="admin",
        summary="Make an API key",
        description="`secret` is shown this once: only its SHA-256 is kept.",
        body=NewKeyRequest,
        answers=(
            Answer(201, "Made.", NewKeyBody, headers={"Location": "Where to revoke the key."}),
        ),
        problems=(
            *("invalid", "request-timeout", "too-large", "unsupported-media-type"),
            *WRITES_LOG,
        ),
        changes=True,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/keys/{key}",
        handler=revoke_key,
        name="revokeKey",
        tag="Access",
        role="admin",
        summary="Revoke an API key, everywhere at once",
        params=(KEY,),
        answers=(Answer(204, "Revoked."),),
        problems=("not-found", *WRITES_LOG),
        changes=True,
    ),
)
