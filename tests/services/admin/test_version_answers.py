"""The history shows how many answers each version has given, as the members tell it."""

import pytest

from projections.reports import Report, Status
from tests.services.admin.stage import PROMPTS
from tests.waiting import until

VERSIONS = f"{PROMPTS}/system/versions"


@pytest.fixture
async def tell(stage):
    """Let a replica tell its counts, and wait until that is heard."""

    async def told(replica, answers, sequence=1, **more):
        status = Status(started_at=1, head_position=3, answers=answers)
        report = Report(
            replica=replica, instance="run-1", sequence=sequence, position=3, hash="a" * 64,
            state="current", status=status, **more,
        )  # fmt: skip
        await stage.publish(report)
        await until(lambda: (m := stage.members.get(replica)) and m.report == report)

    await stage.saved("one")
    await stage.saved("two", on=2)
    return told


async def counts(stage):
    return {item["version"]: item["answers"] for item in (await stage.get(VERSIONS))["items"]}


async def test_a_version_that_nobody_told_of_has_given_none(stage, tell):
    assert await counts(stage) == {1: 0, 2: 0}
    assert (await stage.get(f"{VERSIONS}/1"))["answers"] == 0


async def test_the_answers_of_all_members_are_added_up(stage, tell):
    await tell("chat-1", {"system": {1: 5, 2: 1}, "other": {1: 9}})
    await tell("chat-2", {"system": {2: 2}})
    assert await counts(stage) == {1: 5, 2: 3}
    assert (await stage.get(f"{VERSIONS}/2"))["answers"] == 3
    await tell("chat-2", {"system": {2: 7}}, sequence=2)
    assert await counts(stage) == {1: 5, 2: 8}


async def test_answers_of_versions_that_are_not_there_are_of_no_concern(stage, tell):
    await tell("chat-1", {"system": {99: 5}, "gone": {1: 1}})
    assert await counts(stage) == {1: 0, 2: 0}
