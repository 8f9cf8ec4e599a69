"""Answers, counted by prompt and version: what the history shows of a version's use.

Metrics forget a version that rests; this remembers those that were used last, within bounds, for as
long as the process lives.
"""

from collections import OrderedDict
from typing import Final

MAX_PROMPTS: Final = 100
MAX_VERSIONS: Final = 20
"""Of each prompt."""


class Answers:
    """Counts; what was used longest ago is forgotten first."""

    def __init__(self, prompts: int = MAX_PROMPTS, versions: int = MAX_VERSIONS) -> None:
        self._most_prompts, self._most_versions = prompts, versions
        self._counts: OrderedDict[str, OrderedDict[int, int]] = OrderedDict()

    def count(self, prompt: str, version: int) -> None:
        """One more answer from this version."""
        versions = self._counts.setdefault(prompt, OrderedDict())
        versions[version] = versions.get(version, 0) + 1
        self._counts.move_to_end(prompt)
        versions.move_to_end(version)
        if len(versions) > self._most_versions:
            versions.popitem(last=False)
        if len(self._counts) > self._most_prompts:
            self._counts.popitem(last=False)

    def told(self) -> dict[str, dict[int, int]]:
        """All counts as of now: a copy."""
        return {prompt: dict(versions) for prompt, versions in self._counts.items()}
