"""``GET …/versions`` and ``…/versions/{version}``: the history."""

from bisect import bisect_left

from aiohttp import web

from projections.history import PromptHistory, VersionRecord
from projections.refusals import NotFound
from services.admin import bodies, showing
from services.admin.answers import answer
from services.admin.context import CORE
from services.admin.endpoint import READS_LOG, Answer, Endpoint
from services.admin.params import LIMIT, NAME, counted, integer
from services.admin.prompts import find

HIGHEST = 2**31 - 1
CURSOR = integer(
    "cursor", "The `next` of the page before.", lowest=1, highest=HIGHEST, default=None
)
VERSION = counted("version", "The version's number.", highest=HIGHEST)


def find_version(prompt: PromptHistory, version: int) -> VersionRecord:
    """The record of a version; raises ``NotFound``."""
    record = prompt.find(version)
    if record is None:
        raise NotFound(f"{prompt.name!r} has no version {version}")
    return record


async def list_versions(request: web.Request) -> web.Response:
    """A page of the history, newest first; the cursor is the last version of the page before."""
    name, limit, before = NAME.of(request), LIMIT.of(request), CURSOR.of(request)
    core = request.app[CORE]
    prompt = find(await core.history(), name)
    records = prompt.versions
    end = len(records)
    if before is not None:
        end = bisect_left(records, before, key=lambda record: record.version)
    page = records[max(0, end - limit) : end][::-1]
    more = bool(page) and page[-1] is not records[0]
    items = showing.versions(prompt, page, core.answers(name))
    return answer(bodies.VersionPage(items=items, next=page[-1].version if more else None))


async def show_version(request: web.Request) -> web.Response:
    """One version, whole."""
    core, name, version = request.app[CORE], NAME.of(request), VERSION.of(request)
    prompt = find(await core.history(), name)
    record = find_version(prompt, version)
    content = await core.content(record)
    return answer(showing.version(prompt, record, content, core.answers(name)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/prompts/{name}/versions",
        handler=list_versions,
        name="listVersions",
        tag="History",
        role="viewer",
        summary="The history of a prompt, newest first",
        params=(NAME, LIMIT, CURSOR),
        answers=(Answer(200, "A page of versions.", bodies.VersionPage),),
        problems=("not-found", "invalid", *READS_LOG),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/prompts/{name}/versions/{version}",
        handler=show_version,
        name="showVersion",
        tag="History",
        role="viewer",
        summary="One version, whole",
        params=(NAME, VERSION),
        answers=(Answer(200, "The version.", bodies.Version),),
        problems=("not-found", "invalid", *READS_LOG),
    ),
)
