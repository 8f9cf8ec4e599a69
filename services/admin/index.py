"""``GET /``: where to go from here. A static page that loads nothing."""

import base64
import hashlib

from aiohttp import web

from services.admin.endpoint import Answer, Endpoint

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}"
    "pre{background:#8882;padding:1rem;overflow:auto}:root{color-scheme:light dark}"
)
_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Promptcast admin</title>
<style>{_STYLE}</style>
<h1>Promptcast admin</h1>
<p>This service keeps the chatbot's system prompts: what is saved here is live on every chat replica
milliseconds later.</p>
<ul>
<li><a href="/api/v1/openapi.json">The edit API</a> (OpenAPI 3.1)</li>
<li><a href="/healthz">Health</a>, <a href="/readyz">readiness</a>, <a href="/metrics">metrics</a></li>
</ul>
<p>With the admin key in <code>$PROMPTCAST_API_KEY</code> and this address in
<code>$PROMPTCAST_URL</code>:</p>
<pre>
# what is live, and its revision (the ETag)
curl -i -H "Authorization: Bearer $PROMPTCAST_API_KEY" \\
  $PROMPTCAST_URL/api/v1/prompts/system

# save, on top of revision 57, and wait until every replica has it
curl -H "Authorization: Bearer $PROMPTCAST_API_KEY" \\
  -H 'Content-Type: application/json' -H 'If-Match: "57"' \\
  -d '{{"template": "You are a friendly assistant.", "note": "friendlier"}}' \\
  "$PROMPTCAST_URL/api/v1/prompts/system/versions?wait=all"

# who serves what
curl -H "Authorization: Bearer $PROMPTCAST_API_KEY" $PROMPTCAST_URL/api/v1/fleet
</pre>
</html>
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def index(_request: web.Request) -> web.Response:
    """The page; it may load nothing but its own style."""
    return web.Response(
        text=_PAGE, content_type="text/html", headers={"Content-Security-Policy": _POLICY}
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/",
        handler=index,
        name="index",
        tag="Service",
        summary="Where to go from here",
        open=True,
        answers=(Answer(200, "A page.", media_type="text/html"),),
    ),
)
