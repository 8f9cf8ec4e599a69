"""Who may do what, given/when/then: the fold, each decision, each refusal."""

from dataclasses import replace
from typing import get_args

import pytest

from events.access import (
    AccessEvent,
    KeyAdded,
    KeyRevoked,
    PasswordSet,
    PersonAdded,
    PersonRemoved,
    Role,
    RoleChanged,
    SignedOut,
)
from events.chain import Reason, Rejected
from events.limits import MAX_KEYS, MAX_PEOPLE
from projections import history, live
from projections.access import (
    OPERATOR,
    Access,
    Key,
    Person,
    allows,
    apply,
    decide_add_key,
    decide_add_person,
    decide_password_set,
    decide_remove_person,
    decide_revoke_key,
    decide_set_role,
    decide_sign_out,
    fold,
)
from projections.refusals import Exists, Invalid, LastAdmin, NotFound, ReadOnly
from tests.scribe import BEGAN, Scribe

ID, OTHER_ID = "0123456789ab", "ba9876543210"
ANN = PersonAdded(person="ann", role="admin")
BOB = PersonAdded(person="bob", role="viewer")
CI = KeyAdded(key=ID, name="ci", role="editor")


def given(*events: AccessEvent) -> Access:
    return fold(Access(), written(*events).outcomes())


def written(*events: AccessEvent) -> Scribe:
    scribe = Scribe()
    scribe.opened()
    for event in events:
        scribe.write(event, actor="cid")
    return scribe


# --- roles --------------------------------------------------------------------------------------------


def test_each_role_may_do_what_the_lesser_ones_may():
    roles: tuple[Role, ...] = get_args(Role)
    may = {(role, needed) for role in roles for needed in roles if allows(role, needed)}
    assert may == {
        ("viewer", "viewer"),
        ("editor", "viewer"), ("editor", "editor"),
        ("admin", "viewer"), ("admin", "editor"), ("admin", "admin"),
    }  # fmt: skip


# --- the fold -----------------------------------------------------------------------------------------


def test_people_and_keys_are_known_with_who_let_them_in_and_when():
    access = given(ANN, CI)
    assert access == Access(
        people={"ann": Person("ann", "admin", BEGAN + 1000, "cid", 2)},
        keys={ID: Key(ID, "ci", "editor", BEGAN + 2000, "cid", 3)},
    )


def test_a_role_that_changed_leaves_the_rest_as_it_was():
    before = given(BOB).people["bob"]
    after = given(BOB, RoleChanged(person="bob", role="editor")).people["bob"]
    assert after == replace(before, role="editor")


def test_a_new_password_and_signing_out_end_the_sessions_of_before():
    person = given(BOB, PasswordSet(person="bob")).people["bob"]
    assert (person.password_set_at, person.signed_out_at) == (BEGAN + 2000, 3)
    person = given(BOB, PasswordSet(person="bob"), SignedOut(person="bob")).people["bob"]
    assert (person.password_set_at, person.signed_out_at) == (BEGAN + 2000, 4)


def test_who_was_removed_and_added_again_is_somebody_new():
    access = given(BOB, PasswordSet(person="bob"), PersonRemoved(person="bob"), BOB)
    assert access.people == {"bob": Person("bob", "viewer", BEGAN + 4000, "cid", 5)}


def test_what_was_removed_or_revoked_is_not_known_any_more():
    access = given(ANN, BOB, CI, PersonRemoved(person="bob"), KeyRevoked(key=ID))
    assert set(access.people) == {"ann"}
    assert access.keys == {}


@pytest.mark.parametrize(
    "event",
    [
        RoleChanged(person="eve", role="admin"),
        PersonRemoved(person="eve"),
        PasswordSet(person="eve"),
        SignedOut(person="eve"),
        KeyRevoked(key=OTHER_ID),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_is_said_of_somebody_unknown_changes_nothing(event):
    assert given(ANN, CI, event) == given(ANN, CI)


def test_a_state_once_handed_out_stays_as_it_was():
    scribe = written(ANN, CI)
    before = fold(Access(), scribe.outcomes())
    scribe.write(PersonRemoved(person="ann"))
    scribe.write(KeyRevoked(key=ID))
    after = fold(before, scribe.outcomes()[-2:])
    assert (set(before.people), set(before.keys)) == ({"ann"}, {ID})
    assert (after.people, after.keys) == ({}, {})


def test_folding_at_once_comes_to_the_same_as_one_by_one():
    scribe = written(ANN, BOB, CI, RoleChanged(person="bob", role="admin"))
    access = Access()
    for outcome in scribe.outcomes():
        access = apply(access, outcome)
    assert access == fold(Access(), scribe.outcomes())


def test_each_log_s_fold_passes_over_the_other_s_events():
    mixed = written(ANN, CI)
    mixed.saved("Be kind.")
    mixed.write(BOB)
    assert fold(Access(), mixed.outcomes()).people.keys() == {"ann", "bob"}
    prompts = history.fold(history.History(), mixed.outcomes()).prompts
    assert [a.position for a in prompts["system"].activations] == [4]
    assert live.fold(live.Live(), mixed.outcomes()).prompts["system"].revision == 4
    access_only = written(ANN, BOB, CI).outcomes()
    assert history.fold(history.History(), access_only).prompts == {}
    assert live.fold(live.Live(), access_only).prompts == {}


def test_poison_is_passed_over():
    scribe = written(ANN)
    scribe.poison(b"{}")
    scribe.write(BOB)
    access = fold(Access(), scribe.outcomes())
    assert set(access.people) == {"ann", "bob"}
    assert access.newer is None


# --- adding people ------------------------------------------------------------------------------------


def test_a_person_is_added():
    assert decide_add_person(given(ANN), "bob", "viewer") == BOB


@pytest.mark.parametrize(
    ("name", "role", "pointers"),
    [("Bob", "viewer", ["/name"]), ("bob", "god", ["/role"]), ("admin", "", ["/name", "/role"])],
)
def test_every_mistake_is_told_by_the_field_that_was_sent(name, role, pointers):
    with pytest.raises(Invalid) as refused:
        decide_add_person(Access(), name, role)
    assert [mistake.pointer for mistake in refused.value.mistakes] == pointers


def test_a_name_is_one_person_s():
    with pytest.raises(Exists) as refused:
        decide_add_person(given(BOB), "bob", "admin")
    assert [mistake.pointer for mistake in refused.value.mistakes] == ["/name"]


def test_there_are_only_so_many_people():
    full = Access(
        people={f"p{n}": Person(f"p{n}", "viewer", 0, "cid", n) for n in range(MAX_PEOPLE)}
    )
    with pytest.raises(Invalid, match=r"1000 people"):
        decide_add_person(full, "bob", "viewer")
    one_less = Access(people={name: full.people[name] for name in list(full.people)[1:]})
    assert decide_add_person(one_less, "bob", "viewer") == BOB


# --- roles, and the last admin ------------------------------------------------------------------------


def test_a_role_is_changed():
    changed = RoleChanged(person="bob", role="editor")
    assert decide_set_role(given(ANN, BOB), "bob", "editor", "ann") == changed


def test_the_role_that_somebody_has_changes_nothing():
    assert decide_set_role(given(ANN), "ann", "admin", "ann") is None


def test_the_role_of_somebody_unknown_or_a_role_that_is_none_is_refused():
    with pytest.raises(NotFound):
        decide_set_role(given(ANN), "eve", "viewer", "ann")
    with pytest.raises(Invalid):
        decide_set_role(given(ANN, BOB), "bob", "god", "ann")


@pytest.mark.parametrize("actor", ["ann", "bob", "key:ci"])
def test_the_last_admin_stays_one_whoever_of_the_people_asks(actor):
    access = given(ANN, BOB, KeyAdded(key=ID, name="ci", role="admin"))
    with pytest.raises(LastAdmin):
        decide_remove_person(access, "ann", actor)
    with pytest.raises(LastAdmin):
        decide_set_role(access, "ann", "editor", actor)


def test_who_runs_the_service_may_take_the_last_admin_away():
    access = given(ANN, BOB)
    assert decide_remove_person(access, "ann", OPERATOR) == PersonRemoved(person="ann")
    demoted = RoleChanged(person="ann", role="viewer")
    assert decide_set_role(access, "ann", "viewer", OPERATOR) == demoted


def test_one_of_two_admins_may_go():
    access = given(ANN, BOB, RoleChanged(person="bob", role="admin"))
    assert decide_remove_person(access, "ann", "ann") == PersonRemoved(person="ann")
    assert decide_set_role(access, "bob", "viewer", "bob") == RoleChanged(
        person="bob", role="viewer"
    )


def test_who_is_no_admin_may_always_be_removed():
    assert decide_remove_person(given(ANN, BOB), "bob", "ann") == PersonRemoved(person="bob")


# --- passwords and sessions ---------------------------------------------------------------------------


def test_a_new_password_and_signing_out_are_of_people_who_are_known():
    assert decide_password_set(given(BOB), "bob") == PasswordSet(person="bob")
    assert decide_sign_out(given(BOB), "bob") == SignedOut(person="bob")
    for decide in (decide_password_set, decide_sign_out):
        with pytest.raises(NotFound):
            decide(given(BOB), "eve")


# --- API keys -----------------------------------------------------------------------------------------


def test_a_key_is_added_and_revoked():
    assert decide_add_key(given(ANN), ID, "ci", "editor") == CI
    assert decide_revoke_key(given(CI), ID) == KeyRevoked(key=ID)


def test_a_name_of_a_key_is_free_again_once_it_is_revoked():
    with pytest.raises(Exists):
        decide_add_key(given(CI), OTHER_ID, "ci", "viewer")
    again = decide_add_key(given(CI, KeyRevoked(key=ID)), OTHER_ID, "ci", "viewer")
    assert again == KeyAdded(key=OTHER_ID, name="ci", role="viewer")


def test_an_id_is_one_key_s():
    with pytest.raises(Exists):
        decide_add_key(given(CI), ID, "other", "viewer")


def test_a_key_that_is_not_known_is_not_revoked():
    with pytest.raises(NotFound):
        decide_revoke_key(given(CI), OTHER_ID)


def test_there_are_only_so_many_keys():
    ids = [f"{n:012x}" for n in range(MAX_KEYS)]
    full = Access(keys={id: Key(id, f"k{id}", "viewer", 0, "cid", 1) for id in ids})
    with pytest.raises(Invalid, match=r"1000 API keys"):
        decide_add_key(full, "f" * 12, "ci", "viewer")
    one_less = Access(keys={id: full.keys[id] for id in ids[1:]})
    assert decide_add_key(one_less, "f" * 12, "ci", "viewer").key == "f" * 12


# --- from the future ----------------------------------------------------------------------------------


def test_who_met_an_event_of_the_future_reads_on_and_writes_no_more():
    newer = Rejected(9, Reason.UNKNOWN_TYPE, "unknown type 'promptcast.TeamAdded.v1'", newer=True)
    access = fold(given(ANN, BOB, CI), [newer, *written(BOB).outcomes()[1:]])
    assert access.newer is newer
    for decide in (
        lambda: decide_add_person(access, "eve", "viewer"),
        lambda: decide_set_role(access, "bob", "admin", "ann"),
        lambda: decide_remove_person(access, "bob", "ann"),
        lambda: decide_password_set(access, "bob"),
        lambda: decide_sign_out(access, "bob"),
        lambda: decide_add_key(access, OTHER_ID, "cd", "viewer"),
        lambda: decide_revoke_key(access, ID),
    ):
        with pytest.raises(ReadOnly, match=r"position 9"):
            decide()
