"""The events of the access log: what a name may be, and that no secret fits in."""

import pytest
from pydantic import ValidationError

from events.access import KeyAdded, KeyRevoked, PasswordSet, PersonAdded, RoleChanged
from events.chain import GENESIS, Reason
from events.envelope import Stamp, render
from tests.scribe import Scribe, recorded, rejected

ID = "0123456789ab"


@pytest.mark.parametrize("name", ["a", "0", "ann", "ann@example.org", "a+b_c-d.e", "a" * 64])
def test_a_person_s_name_may_be_an_address(name):
    assert PersonAdded(person=name, role="viewer").person == name


@pytest.mark.parametrize(
    "name",
    ["", "Ann", "ann b", " ann", "@ann", "ann\n", "a" * 65, "änn", "key:ci", "admin", "promptcast"],
)
def test_a_name_that_is_none_or_that_could_be_taken_for_another_actor_is_refused(name):
    for model in (PersonAdded, RoleChanged):
        with pytest.raises(ValidationError):
            model.model_validate({"person": name, "role": "viewer"})


@pytest.mark.parametrize("role", ["", "owner", "Admin", None, 3])
def test_there_are_three_roles(role):
    with pytest.raises(ValidationError):
        PersonAdded.model_validate({"person": "ann", "role": role})


@pytest.mark.parametrize("name", ["ci", "deploy.eu-1", "a" * 64])
def test_an_api_key_has_a_name(name):
    assert KeyAdded(key=ID, name=name, role="editor").name == name


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ID[:-1], "ci"), (ID + "c", "ci"), (ID.upper(), "ci"), ("g" * 12, "ci"), ("", "ci"),
        (ID, ""), (ID, "CI"), (ID, "c i"), (ID, "a" * 65), (ID, "ci@home"),
    ],
)  # fmt: skip
def test_an_id_or_a_name_of_an_api_key_that_is_none_is_refused(key, name):
    with pytest.raises(ValidationError):
        KeyAdded.model_validate({"key": key, "name": name, "role": "viewer"})


@pytest.mark.parametrize("field", ["password", "secret", "hash", "digest", "token"])
def test_nothing_secret_fits_into_an_event(field):
    for model, fields in ((PasswordSet, {"person": "ann"}), (KeyRevoked, {"key": ID})):
        model.model_validate(fields)
        with pytest.raises(ValidationError):
            model.model_validate({**fields, field: "x"})


def test_access_events_are_read_from_a_log_like_any_other():
    scribe, event = Scribe(), PersonAdded(person="ann", role="editor")
    scribe.opened()
    scribe.write(event, actor="admin")
    read = recorded(scribe.outcomes()[1])
    assert (read.event, read.actor, read.position) == (event, "admin", 2)


def test_an_event_about_somebody_else_than_its_subject_says_is_rejected():
    scribe, event = Scribe(), PersonAdded(person="ann", role="admin")
    data = render(event, Stamp("id-1", "/test", scribe.now, "admin"), 1, GENESIS.digest)
    scribe.poison(data.replace(b'"person:ann"', b'"person:bob"'))
    assert rejected(scribe.outcomes()[0]).reason is Reason.INVALID
