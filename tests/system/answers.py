"""Answers of the HTTP ports, whole: what tests look at."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    async def of(cls, response: aiohttp.ClientResponse) -> "Answer":
        """The whole answer of ``response``."""
        return cls(response.status, response.headers, await response.read())

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last part of a problem's type, such as ``log-diverged``; empty for what is none."""
        if self.headers.get("Content-Type", "").split(";")[0] != "application/problem+json":
            return ""
        return str(self.json["type"]).rpartition("/")[2]

    def expect(self, status: int) -> "Answer":
        """Itself, when it has this status."""
        assert self.status == status, f"{self.status}: {self.body[:2000].decode(errors='replace')}"
        return self
