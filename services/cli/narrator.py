"""The updates of the edit API, told in lines for people."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.cli.propagation import duration
from services.cli.render import summary
from services.cli.server_events import ServerEvent

Line = tuple[str, str]
"""A text and its style."""
_REMEMBERED = 1_000
_WELL = {"current", "left"}


@dataclass(slots=True)
class Narrator:
    """Remembers what happened at which position, so that an arrival can be told by its name."""

    _named: dict[int, str] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)
    """The position of each replica's last report."""

    def tell(self, event: ServerEvent) -> Iterator[Line]:
        """The lines for one event; none for what is of no interest or of an unknown kind."""
        data = event.data if isinstance(event.data, dict) else {}
        if event.name == "state":
            yield from self._state(data)
        elif event.name in {"saved", "restored", "archived"}:
            yield from self._changed(event.name, data)
        elif event.name == "reported":
            yield from self._reported(data)
        elif event.name == "replica":
            style = "" if data.get("state") in _WELL else "yellow"
            yield f"{data.get('id')} is {_worded(data.get('state'))}", style

    def _state(self, data: dict[str, Any]) -> Iterator[Line]:
        fleet = data.get("fleet") or {}
        members = fleet.get("items") or []
        current = sum(member.get("state") == "current" for member in members)
        yield f"head {fleet.get('head')}, {current}/{len(members)} replicas are current", "bold"
        for member in members:
            self._seen[str(member.get("id"))] = int(member.get("applied_position") or 0)

    def _changed(self, action: str, data: dict[str, Any]) -> Iterator[Line]:
        version = "" if data.get("version") is None else f" v{data['version']}"
        name = f"{data.get('prompt')}{version}"
        known_as = f"{name} archived" if action == "archived" else name
        self._remember(int(data.get("position") or 0), known_as)
        note = summary(data.get("note"))
        text = f"{name} {action} by {data.get('author')} at position {data.get('position')}"
        yield f"{text}: {note}" if note else text, "bold"

    def _reported(self, data: dict[str, Any]) -> Iterator[Line]:
        replica, position = str(data.get("replica")), int(data.get("position") or 0)
        before, self._seen[replica] = self._seen.get(replica, position - 1), position
        for rejected in data.get("rejected") or ():
            at = int(rejected.get("position") or 0)
            if at > before:
                why = f"{rejected.get('reason')} {rejected.get('detail') or ''}".rstrip()
                yield f"  {replica} rejected {self._name(at)}: {why}", "red"
        rejections = {each.get("position") for each in data.get("rejected") or ()}
        if position > before and position not in rejections:
            after = duration(data.get("lag_ms"))
            yield (
                f"  {replica} has {self._name(position)}" + (f" after {after}" if after else ""),
                "green",
            )

    def _remember(self, position: int, name: str) -> None:
        self._named[position] = name
        if len(self._named) > _REMEMBERED:
            del self._named[next(iter(self._named))]

    def _name(self, position: int) -> str:
        name = self._named.get(position)
        return f"{name} (position {position})" if name else f"position {position}"


def _worded(state: object) -> str:
    return {"left": "gone: it has left", "gone": "gone: it has been silent"}.get(
        str(state), str(state).replace("_", " ")
    )
