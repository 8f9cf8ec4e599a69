"""Choosing the replicas that a trial asks. Pure."""

from collections.abc import Iterable

from projections.live import holds
from services.admin.views import MemberView


def candidates(members: Iterable[MemberView], name: str, revision: int) -> list[MemberView]:
    """Members that can answer for the prompt ``name`` right now, those first that need not wait.

    Within those, by id, so that the same question goes to the same replica.
    """
    fit = [
        member
        for member in members
        if member.state == "current" and member.url and holds(member.prompts, name)
    ]
    return sorted(fit, key=lambda member: (member.applied_position < revision, member.id))
