"""Where a log begins on the server is shown; that somebody else has cut it short is told, once."""

from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from events.chain import Chain, Head
from services.admin.extent import Extent
from services.metrics import AdminMetrics


@dataclass
class Looked:
    """Looks at a log that begins where it is said to, by an instance that knows what it is said to."""

    begins: int = 0
    known: Chain = field(default_factory=Chain)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        log: Any = _Log(self)
        self.extent = Extent(log, lambda: self.known, AdminMetrics(self.registry))

    async def look(self, begins: int, read: int = 0, trimmed: int = 0) -> list[dict[str, Any]]:
        """What is told at one look."""
        self.begins, self.known = begins, Chain(_head(read), "log-1", trimmed=_head(trimmed))
        with capture_logs() as told:
            await self.extent.look()
        return [dict(each) for each in told]

    def shown(self) -> tuple[float | None, ...]:
        names = ("promptcast_log_begins", "promptcast_log_trimmed")
        return tuple(self.registry.get_sample_value(name) for name in names)


@dataclass
class _Log:
    looked: Looked

    async def begins(self) -> Head | None:
        return _head(self.looked.begins) if self.looked.begins else None


def _head(position: int) -> Head:
    return Head(position, f"{position:064}", f"{position:064}")


async def test_what_was_trimmed_by_the_log_s_own_word_is_shown_and_nothing_is_told() -> None:
    looked = Looked()
    assert await looked.look(1, read=300) + await looked.look(1, read=301) == []
    assert looked.shown() == (1, 0)
    assert await looked.look(201, read=302, trimmed=200) == []
    assert await looked.look(101, read=302, trimmed=200) == []  # some of it is there still
    assert looked.shown() == (101, 200)
    assert await looked.look(0, read=302, trimmed=200) == []  # gone: others tell of that
    assert looked.shown() == (0, 200)


async def test_what_somebody_else_has_cut_off_is_told_once() -> None:
    looked = Looked()
    assert await looked.look(211, read=302, trimmed=200) == []
    (told,) = await looked.look(211, read=303, trimmed=200)
    assert (told["event"], told["begins"], told["trimmed"]) == ("log_cut_short", 211, 200)
    assert await looked.look(211, read=304, trimmed=200) == []
    assert await looked.look(221, read=304, trimmed=200) == []
    assert len(await looked.look(221, read=304, trimmed=200)) == 1


async def test_an_instance_that_has_not_read_what_the_log_says_of_it_raises_no_alarm() -> None:
    looked = Looked()
    assert await looked.look(201) + await looked.look(201) == []  # it has just started
    assert looked.shown() == (0, 0)
    assert await looked.look(201, read=150) == []  # it was stopped for a while
    assert await looked.look(201, read=302, trimmed=200) == []
    assert await looked.look(211, read=303, trimmed=200) == []
    assert await looked.look(211, read=304, trimmed=210) == []
