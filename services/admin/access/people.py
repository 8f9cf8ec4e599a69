"""``/api/v1/people``: who may sign in, and what they may do."""

from aiohttp import web

from events.envelope import rfc3339
from events.limits import MAX_PEOPLE, PERSON_NAME
from projections.access import Person
from projections.refusals import NotFound
from services.admin.access.bodies import (
    InvitedBody,
    LinkBody,
    NewPersonRequest,
    PersonBody,
    PersonPage,
    RoleRequest,
)
from services.admin.access.links import password_link
from services.admin.access.parts import ACCESS
from services.admin.answers import answer
from services.admin.body import read_model
from services.admin.context import ACTOR
from services.admin.endpoint import READS_LOG, WRITES_LOG, Answer, Endpoint
from services.admin.params import Param, pattern

PERSON: Param[str] = Param(
    name="person",
    place="path",
    description="The person's name.",
    schema={"type": "string", "pattern": PERSON_NAME, "examples": ["ada"]},
    parse=pattern(PERSON_NAME, "there is nobody of that name"),
    required=True,
)


async def list_people(request: web.Request) -> web.Response:
    """Everybody; there are never so many that pages are needed."""
    book = request.app[ACCESS].book
    await book.confirm()
    people = book.access.people
    return answer(PersonPage(items=[_shown(people[name]) for name in sorted(people)], next=None))


async def add_person(request: web.Request) -> web.Response:
    """Somebody new, who gets a link to set a password by."""
    body, _ = await read_model(request, NewPersonRequest)
    access = request.app[ACCESS]
    await access.book.confirm()
    if body.name not in access.book.access.people:  # what was left of somebody of that name
        await access.credentials.erase_person(body.name)
    person = await access.book.add_person(body.name, body.role, request[ACTOR])
    link = await password_link(request, body.name)
    invited = InvitedBody(**_shown(person).model_dump(), **link.model_dump())
    return answer(invited, 201, {"Location": f"/api/v1/people/{body.name}"})


async def set_role(request: web.Request) -> web.Response:
    """Another role, from the next request on."""
    name = PERSON.of(request)
    body, _ = await read_model(request, RoleRequest)
    book = request.app[ACCESS].book
    return answer(_shown(await book.set_role(name, body.role, request[ACTOR])))


async def make_link(request: web.Request) -> web.Response:
    """A new link to set a password by, for who has lost theirs; it ends no session by itself."""
    name = PERSON.of(request)
    book = request.app[ACCESS].book
    await book.confirm()
    if name not in book.access.people:
        raise NotFound(f"there is no person {name!r}")
    return answer(await password_link(request, name), 201)


async def remove_person(request: web.Request) -> web.Response:
    """Nobody comes in by that name any more; what they did stays in the history."""
    name, access = PERSON.of(request), request.app[ACCESS]
    await access.book.remove_person(name, request[ACTOR])
    await access.credentials.erase_person(name)
    return web.Response(status=204)


def _shown(person: Person) -> PersonBody:
    return PersonBody(
        name=person.name,
        role=person.role,
        added_at=rfc3339(person.added_at),
        added_by=person.added_by,
        has_password=person.password_set_at is not None,
    )


_BODY = ("invalid", "request-timeout", "too-large", "unsupported-media-type")

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/v1/people",
        handler=list_people,
        name="listPeople",
        tag="Access",
        role="admin",
        summary="Who may sign in",
        answers=(Answer(200, f"Everybody, by name; at most {MAX_PEOPLE}.", PersonPage),),
        problems=READS_LOG,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people",
        handler=add_person,
        name="addPerson",
        tag="Access",
        role="admin",
        summary="Add somebody",
        description="The link is for them, to set a password by within three days. It is not shown"
        " again.",
        body=NewPersonRequest,
        answers=(
            Answer(201, "Added.", InvitedBody, headers={"Location": "Where to change the role."}),
        ),
        problems=(*_BODY, *WRITES_LOG),
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{person}",
        handler=set_role,
        name="setRole",
        tag="Access",
        role="admin",
        summary="Give somebody another role",
        description="The last person who is an admin stays one, unless the environment's key asks.",
        params=(PERSON,),
        body=RoleRequest,
        answers=(Answer(200, "Changed.", PersonBody),),
        problems=(*_BODY, "not-found", *WRITES_LOG),
        changes=True,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/people/{person}/link",
        handler=make_link,
        name="makePasswordLink",
        tag="Access",
        role="admin",
        summary="A new link for somebody who has lost their password",
        params=(PERSON,),
        answers=(Answer(201, "The link; one made before is worth nothing now.", LinkBody),),
        problems=("not-found", *READS_LOG),
        changes=True,
    ),
    Endpoint(
        method="DELETE",
        path="/api/v1/people/{person}",
        handler=remove_person,
        name="removePerson",
        tag="Access",
        role="admin",
        summary="Remove somebody; their sessions end at once",
        description="The last person who is an admin stays, unless the environment's key asks.",
        params=(PERSON,),
        answers=(Answer(204, "Removed."),),
        problems=("not-found", *WRITES_LOG),
        changes=True,
    ),
)
