"""``GET /problems/{type}``: what a problem means and what to do, for people."""

from aiohttp import web

from services.admin.endpoint import Answer, Endpoint
from services.admin.params import Param, one_of
from services.admin.problem_types import PROBLEM_TYPES
from services.admin.problems import PREFIX

TYPE: Param[str] = Param(
    name="type",
    place="path",
    description="The last part of a problem's `type`.",
    schema={"type": "string", "enum": list(PROBLEM_TYPES)},
    parse=one_of(*PROBLEM_TYPES),
    required=True,
)


async def explain(request: web.Request) -> web.Response:
    """The page of one type of problem, as plain text."""
    name = TYPE.of(request)
    about = PROBLEM_TYPES[name]
    text = (
        f"{about.title}\n\n"
        f"type:   {PREFIX}{name}\n"
        f"status: {about.status}\n\n"
        f"{about.meaning}\n\n"
        f"What to do: {about.remedy}\n"
    )
    return web.Response(text=text)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path=PREFIX + "{type}",
        handler=explain,
        name="explainProblem",
        tag="Service",
        summary="What a type of problem means, and what to do about it",
        role=None,  # it says nothing about this installation, and who lacks a key may need it
        params=(TYPE,),
        answers=(Answer(200, "The explanation.", media_type="text/plain"),),
        problems=("not-found",),
    ),
)
