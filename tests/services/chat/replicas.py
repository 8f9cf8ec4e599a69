"""A replica made of memory, and live prompts to put into it."""

import asyncio
from collections.abc import Mapping

from events.model import PromptConfig
from events.template import Template
from projections.live import LivePrompt


def live_prompt(
    template: str = "You are the test's own prompt.\nBe brief.",
    *,
    name: str = "system",
    version: int = 41,
    revision: int = 57,
    config: PromptConfig | None = None,
) -> LivePrompt:
    return LivePrompt(
        name=name,
        branch="main",
        version=version,
        revision=revision,
        template=Template.parse(template),
        config=config or PromptConfig(),
        content_hash=f"content-{version}",
        hash=f"hash-{revision}",
        author="somebody",
        recorded_at=1_767_225_600_000_000,
    )


class FakeReplica:
    """Does at once what it is told; follows nothing."""

    def __init__(self, *live: LivePrompt) -> None:
        self.id = "chat-1"
        self.applied_position = 57
        self.state = "current"
        self.serving = True
        self.stale: float | None = None
        self.rejections: dict[tuple[str, int], str] = {}
        self.waiting = 0
        self.answers: list[tuple[str, int]] = []
        self._live = {each.name: each for each in live}
        self._moved = asyncio.Condition()

    def prompt(self, name: str) -> LivePrompt | None:
        return self._live.get(name)

    def prompts(self) -> Mapping[str, LivePrompt]:
        return self._live

    def stale_seconds(self) -> float | None:
        return self.stale

    outdated_seconds = stale_seconds

    def rejection(self, name: str, position: int) -> str | None:
        return self.rejections.get((name, position))

    def answered(self, name: str, version: int) -> None:
        self.answers.append((name, version))

    async def wait_applied(self, position: int, timeout: float) -> bool:
        self.waiting += 1
        try:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(lambda: self.applied_position >= position)
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

    def put(self, live: LivePrompt) -> None:
        self._live = {**self._live, live.name: live}

    def archive(self, name: str) -> None:
        self._live = {each: live for each, live in self._live.items() if each != name}

    async def apply(self, position: int, live: LivePrompt | None = None) -> None:
        async with self._moved:
            if live is not None:
                self.put(live)
            self.applied_position = position
            self._moved.notify_all()
