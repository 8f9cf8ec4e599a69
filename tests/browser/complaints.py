"""What a page complains of: errors and warnings on its console (a breach of its content security
policy is one, and so is an answer of 400 or more), exceptions that nobody caught, requests that
found no answer. A test fails of any that it did not expect, and of one that it expected in vain."""

import re

from playwright.sync_api import ConsoleMessage, Error, Page, Request

_SERIOUS = ("error", "warning", "assert")
_GIVEN_UP = "net::ERR_ABORTED"
"""The page itself let go of the request, as it does with its stream when it is left."""


class Complaints:
    """Of one page, from its first moment."""

    def __init__(self, page: Page) -> None:
        self.console: list[str] = []
        """Everything that was said, for whoever looks into a failure."""
        self._serious: list[str] = []
        self._expected: dict[str, bool] = {}
        """Pattern: whether one has to come."""
        page.on("console", self._said)
        page.on("pageerror", self._threw)
        page.on("requestfailed", self._failed)

    def expect(self, pattern: str) -> None:
        """One that matches has to come, and more of them may."""
        self._expected[pattern] = True

    def allow(self, pattern: str) -> None:
        """Such may come."""
        self._expected.setdefault(pattern, False)

    def check(self) -> None:
        """Fails unless what came is what was expected."""
        strange = [each for each in self._serious if not self._is_expected(each)]
        assert not strange, "the page complains:\n  " + "\n  ".join(strange)
        missing = [
            pattern
            for pattern, needed in self._expected.items()
            if needed and not any(re.search(pattern, each) for each in self._serious)
        ]
        assert not missing, f"expected in vain: {missing}"

    def _is_expected(self, line: str) -> bool:
        return any(re.search(pattern, line) for pattern in self._expected)

    def _said(self, message: ConsoleMessage) -> None:
        line = f"{message.type}: {message.text} ({message.location.get('url', '')})"
        self._take(line, message.type in _SERIOUS)

    def _threw(self, error: Error) -> None:
        self._take(f"uncaught: {error}\n{error.stack or ''}", True)

    def _failed(self, request: Request) -> None:
        given_up = request.failure == _GIVEN_UP
        self._take(f"no answer: {request.failure} ({request.method} {request.url})", not given_up)

    def _take(self, line: str, serious: bool) -> None:
        self.console.append(line)
        if serious:
            self._serious.append(line)
