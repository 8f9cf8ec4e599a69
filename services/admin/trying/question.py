"""The question of a trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TrialQuestion:
    """What is asked of the prompt ``name``, by everybody the same."""

    name: str
    message: str
    variables: Mapping[str, str]

    def body(self) -> dict[str, Any]:
        """As a body of ``POST /chat``."""
        return {"message": self.message, "variables": dict(self.variables)}
