"""Showing: what the history and the core know, as bodies of answers."""

from collections.abc import Collection, Mapping, Sequence

from events.envelope import rfc3339
from events.model import MAIN
from projections.decisions import Content
from projections.history import PromptHistory, VersionRecord
from services.admin import bodies
from services.admin.views import Change, FleetView, Propagation


def prompt_summary(prompt: PromptHistory) -> bodies.PromptSummary:
    """A prompt in the list."""
    last, live = prompt.last, prompt.live
    return bodies.PromptSummary(
        name=prompt.name,
        branch=MAIN,
        version=last.version,
        revision=last.position,
        archived=live is None,
        note=last.note,
        author=last.author,
        recorded_at=rfc3339(last.recorded_at),
        hash=last.hash.hex(),
        content_hash=live.content_hash.hex() if live else None,
    )


def live_prompt(prompt: PromptHistory, live: VersionRecord, content: Content) -> bodies.Prompt:
    """A prompt as it is live."""
    last = prompt.last
    return bodies.Prompt(
        name=prompt.name,
        branch=MAIN,
        version=live.version,
        revision=last.position,
        template=content.template,
        config=content.config.content(),
        note=last.note,
        author=last.author,
        recorded_at=rfc3339(last.recorded_at),
        hash=last.hash.hex(),
        content_hash=live.content_hash.hex(),
    )


def versions(
    prompt: PromptHistory, records: Sequence[VersionRecord], answers: Mapping[int, int]
) -> list[bodies.VersionSummary]:
    """Versions in the history; ``records`` are of ``prompt``, ``answers`` by version."""
    intervals = _intervals(prompt, {record.version for record in records})
    return [
        _version(prompt, record, intervals[record.version], answers.get(record.version, 0))
        for record in records
    ]


def version(
    prompt: PromptHistory, record: VersionRecord, content: Content, answers: Mapping[int, int]
) -> bodies.Version:
    """A version, whole."""
    (summary,) = versions(prompt, [record], answers)
    shown = {name: getattr(summary, name) for name in bodies.VersionSummary.model_fields}
    return bodies.Version(**shown, template=content.template, config=content.config.content())


def _version(
    prompt: PromptHistory, record: VersionRecord, intervals: list[bodies.Interval], answers: int
) -> bodies.VersionSummary:
    return bodies.VersionSummary(
        name=prompt.name,
        branch=MAIN,
        version=record.version,
        position=record.position,
        author=record.author,
        recorded_at=rfc3339(record.recorded_at),
        note=record.note,
        size=record.size,
        hash=record.hash.hex(),
        content_hash=record.content_hash.hex(),
        live=prompt.last.version == record.version,
        live_intervals=intervals,
        answers=answers,
    )


def _intervals(prompt: PromptHistory, wanted: Collection[int]) -> dict[int, list[bodies.Interval]]:
    """When each of the wanted versions was live: from an activation to the one that followed it."""
    found: dict[int, list[bodies.Interval]] = {version: [] for version in wanted}
    activations = prompt.activations
    for number, activation in enumerate(activations, start=1):
        if activation.version not in found:
            continue
        ended = activations[number].recorded_at if number < len(activations) else None
        found[activation.version].append(
            bodies.Interval(
                from_=rfc3339(activation.recorded_at),
                to=None if ended is None else rfc3339(ended),
                position=activation.position,
                action=activation.action,
                author=activation.author,
                note=activation.note,
            )
        )
    return found


def change(done: Change, propagation: Propagation) -> bodies.ChangeBody:
    """What a change has come to."""
    return bodies.ChangeBody(
        prompt=done.prompt,
        branch=done.branch,
        version=done.version,
        position=done.position,
        revision=done.revision,
        hash=done.hash,
        content_hash=done.content_hash or None if done.version is not None else None,
        author=done.author,
        recorded_at=rfc3339(done.recorded_at),
        unchanged=done.unchanged,
        durable=done.durable,
        propagation=spread(propagation),
    )


def spread(propagation: Propagation) -> bodies.PropagationBody:
    """How far an event has spread; times in ms, to the microsecond."""
    elapsed = propagation.elapsed_ms
    return bodies.PropagationBody(
        state=propagation.state,
        elapsed_ms=None if elapsed is None else round(elapsed, 3),
        replicas=[
            bodies.ReplicaSpread(
                replica=each.replica,
                outcome=each.outcome,
                lag_ms=None if each.lag_us is None else each.lag_us / 1000,
                **({"reason": each.reason} if each.reason is not None else {}),
            )
            for each in propagation.replicas
        ],
    )


def fleet(view: FleetView) -> bodies.FleetPage:
    """Every member."""
    items = [bodies.Member.model_validate(member) for member in view.members]
    return bodies.FleetPage(items=items, next=None, head=view.head)
