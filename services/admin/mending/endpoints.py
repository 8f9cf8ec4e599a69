"""What an operator asks for when a log is not what it was: look, settle, repair, import."""

from typing import Any

import structlog
from aiohttp import web

from events.chain import Head
from events.errors import LogUnavailable
from services.admin.answers import answer
from services.admin.body import MAX_SMALL_BYTES, read_model
from services.admin.context import ACTOR
from services.admin.endpoint import WRITES_LOG, Answer, Endpoint
from services.admin.mending.bodies import (
    FilledBody,
    Forks,
    Hole,
    MendedBody,
    RepairRequest,
    SettleRequest,
    TrimmedBody,
    TrimRequest,
)
from services.admin.mending.desk import DESK, Desk
from services.admin.mending.mended import Mended
from services.admin.mending.reading import MEDIA_TYPE, entries
from services.admin.params import Param, one_of, pattern
from services.admin.problems import Problem

SECONDS = 120.0
IMPORT_SECONDS = 600.0
_log = structlog.stdlib.get_logger(__name__)

LOG: Param[Any] = Param(
    name="log",
    description="The prompts' log (`log`), or who may do what (`access`).",
    schema={"type": "string", "enum": ["log", "access"], "default": "log"},
    parse=one_of("log", "access"),
    default="log",
)
REPLACE: Param[Any] = Param(
    name="replace",
    description="`true` gives up what the log holds otherwise; it is kept as a file.",
    schema={"type": "string", "enum": ["true", "false"], "default": "false"},
    parse=one_of("true", "false"),
    default="false",
)
FILE: Param[str] = Param(
    name="file",
    place="path",
    description="The file's name.",
    schema={"type": "string", "pattern": "^[a-z0-9.-]{1,100}$"},
    parse=pattern("[a-z0-9.-]{1,100}", "no file has such a name"),
    required=True,
)


async def show_forks(request: web.Request) -> web.Response:
    """How each log stands, and what was given up."""
    return answer(Forks.model_validate(await _desk(request).forks()))


async def show_file(request: web.Request) -> web.StreamResponse:
    """One file, a line an entry."""
    path = _desk(request).file(FILE.of(request))
    if path is None:
        raise Problem("not-found", "there is no such file")
    return web.FileResponse(path, headers={"Content-Type": MEDIA_TYPE})


async def settle(request: web.Request) -> web.Response:
    """One of two histories goes on."""
    asked, _ = await read_model(request, SettleRequest, MAX_SMALL_BYTES)
    done = await _desk(request).settle(asked.log, asked.keep)
    return _told(request, "fork_settled", asked.log, done, kept=asked.keep)


async def repair(request: web.Request) -> web.Response:
    """What is strange goes, what is missing comes back."""
    asked, _ = await read_model(request, RepairRequest, MAX_SMALL_BYTES)
    done = await _desk(request).repair(asked.log)
    return _told(request, "log_repaired", asked.log, done)


async def import_log(request: web.Request) -> web.Response:
    """A log from a file."""
    log, replace = LOG.of(request), REPLACE.of(request) == "true"
    done = await _desk(request).import_file(log, entries(request), replace)
    return _told(request, "log_imported", log, done, replace=replace)


async def trim(request: web.Request) -> web.Response:
    """The oldest events go from the server."""
    asked, _ = await read_model(request, TrimRequest, MAX_SMALL_BYTES)
    archived = Head(asked.archived.position, "", asked.archived.hash)
    done = await _desk(request).trim(asked.keep, archived, request[ACTOR])
    return answer(TrimmedBody.model_validate(done._asdict()))


async def fill(request: web.Request) -> web.Response:
    """What the journal lacks, from a copy of the log."""
    log = LOG.of(request)
    done = await _desk(request).fill(log, entries(request))
    lacks = [Hole(first=first, last=last) for first, last in done.lacks]
    _log.warning("journal_filled_in", actor=request[ACTOR], log=log, events=done.events)
    return answer(FilledBody(events=done.events, lacks=lacks))


def _desk(request: web.Request) -> Desk:
    desk = request.app.get(DESK)
    if desk is None:
        raise LogUnavailable("this instance keeps no log that could be mended")
    return desk


def _told(request: web.Request, what: str, log: str, done: Mended, **more: Any) -> web.Response:
    told = {"log": log, **done._asdict()}
    _log.warning(what, actor=request[ACTOR], **told, **more)
    return answer(MendedBody.model_validate(told))


_MENDED = Answer(200, "It is done, or there was nothing to do.", MendedBody)
_PROBLEMS = ("invalid", "request-timeout", "too-large", "unsupported-media-type", *WRITES_LOG)

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/forks",
        handler=show_forks,
        name="showForks",
        tag="Log",
        role="admin",
        summary="How each log stands, and the files with events that were given up",
        answers=(Answer(200, "As this instance sees it.", Forks),),
        problems=("invalid", "log-unavailable"),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/forks/{file}",
        handler=show_file,
        name="showForkFile",
        tag="Log",
        role="admin",
        summary="Events that were given up, a line an entry",
        params=(FILE,),
        answers=(Answer(200, "The file.", media_type=MEDIA_TYPE),),
        problems=("invalid", "not-found", "log-unavailable"),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/logs/settle",
        handler=settle,
        name="settleFork",
        tag="Log",
        role="admin",
        summary="Settle a fork: what the log holds goes on, or what this instance's journal holds",
        description="The other side is kept as a file. Nothing happens when the log is in no doubt.",
        body=SettleRequest,
        answers=(_MENDED,),
        problems=_PROBLEMS,
        seconds=SECONDS,
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/logs/repair",
        handler=repair,
        name="repairLog",
        tag="Log",
        role="admin",
        summary="Leave out entries with strange ids, and fill holes from this instance's journal",
        body=RepairRequest,
        answers=(_MENDED,),
        problems=_PROBLEMS,
        seconds=SECONDS,
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/logs/import",
        handler=import_log,
        name="importLog",
        tag="Log",
        role="admin",
        summary="Bring a log back from a file of lines, hash for hash",
        description=f"The body is `{MEDIA_TYPE}`: what `promptcast export` writes, from position 1 on."
        " Without `replace` nothing that the log holds, or that anybody has seen, is given up.",
        params=(LOG, REPLACE),
        takes=MEDIA_TYPE,
        answers=(_MENDED,),
        problems=_PROBLEMS,
        seconds=IMPORT_SECONDS,
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/logs/trim",
        handler=trim,
        name="trimLog",
        tag="Log",
        role="admin",
        summary="Let the oldest events of the prompts' log go from the server",
        description="The history stays whole: they are read from this instance's journal from then on."
        " Nothing goes that the archive does not hold (its last event is the proof), nor what a member"
        " or another admin has not read, nor the newest `keep` events.",
        body=TrimRequest,
        answers=(Answer(200, "It is done, or there was nothing to do.", TrimmedBody),),
        problems=_PROBLEMS,
        seconds=SECONDS,
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/logs/fill",
        handler=fill,
        name="fillJournal",
        tag="Log",
        role="admin",
        summary="Give this instance's journal what it lacks of a log that was trimmed",
        description=f"The body is `{MEDIA_TYPE}`: any copy of the log. What is here already is passed"
        " over; the rest must chain, hash for hash, to what is here.",
        params=(LOG,),
        takes=MEDIA_TYPE,
        answers=(Answer(200, "It is done, or nothing is missing.", FilledBody),),
        problems=_PROBLEMS,
        seconds=IMPORT_SECONDS,
        changes=True,
    ),
)
