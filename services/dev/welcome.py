"""The link in the banner: whoever opens it first is signed in at the panel."""

from services.dev.probe import call, parsed

_WAIT = 5.0


async def link(admin_port: int, key: str) -> str | None:
    """A one-time sign-in link, made by the running admin; None when it gave none.

    It is a convenience: without one the panel can be opened still, and the start goes on.
    """
    headers = {"Authorization": f"Bearer {key}"}
    status, body = await call("POST", admin_port, "/api/v1/links", headers, _WAIT)
    answered = parsed(body) if status == 201 else None
    return str(answered["link"]) if isinstance(answered, dict) and "link" in answered else None
