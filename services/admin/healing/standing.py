"""How the logs stand, for whoever has to decide: where each ends, who has seen more, what is kept."""

import asyncio
from collections.abc import Sequence
from typing import Any

from events.chain import Head
from events.errors import Conflict, LogDiverged, LogUnavailable
from services.admin.healing.forks import ForkFiles
from services.admin.healing.gathering import Facts
from services.admin.healing.parting import common
from services.admin.healing.settling import Settling


async def fork_view(settlings: Sequence[Settling], forks: ForkFiles) -> dict[str, Any]:
    """What there is to decide, for each log; and the files that are kept."""
    logs: dict[str, Any] = {}
    for each in settlings:
        logs[each.healer.gathering.name] = await _view(each)
    files = [each._asdict() for each in await asyncio.to_thread(forks.list)]
    return {**logs, "files": files}


async def _view(settling: Settling) -> dict[str, Any]:
    """The fork, or that there is none."""
    shown, journal = settling.healer.loud.view(), settling.journal
    kept = journal.chain.head if journal else None
    holes = [{"first": first, "last": last} for first, last in journal.lacks] if journal else []
    trimmed = settling.healer.gathering.trimmed().position
    shown |= {"head": None, "journal": _shown(kept), "trimmed": trimmed, "lacks": holes}
    shown |= {"common": None, "beyond": []}
    try:
        facts = await settling.healer.gathering.facts()
        shown["head"] = _shown(facts.head)
        if journal:
            shown["common"] = (await common(settling.healer.gathering, journal)).position
        shown["beyond"] = _beyond(facts)
    except (LogDiverged, LogUnavailable, Conflict) as error:
        shown["reason"] = shown["reason"] or str(error)
    return shown


def _shown(head: Head | None) -> dict[str, Any] | None:
    return None if head is None else {"position": head.position, "hash": head.digest}


def _beyond(facts: Facts) -> list[dict[str, Any]]:
    """Who has seen what the log does not hold: the furthest of each."""
    furthest: dict[str, int] = {}
    for name, word in facts.words:
        if facts.log.at(word.position) != word.hash:
            furthest[name] = max(word.position, furthest.get(name, 0))
    return [{"name": name, "position": at} for name, at in sorted(furthest.items())]
