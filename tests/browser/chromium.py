"""Debian's Chromium, driven by Playwright.

Playwright's synchronous face runs an event loop of its own in the thread that uses it, so the tests
of this folder are plain functions, and run in a process without asynchronous tests (``make browser``).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # CI runs as root, in a container; every page is ours
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
PATIENCE_MS = 15_000
"""For what a page should do at once: the machine may be small, and others may use it too."""


def executable() -> str:
    """The program; skips the test on a machine that has none, but fails it in CI."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    missing = f"none of {', '.join(NAMES)} is in PATH (Debian: apt install chromium)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def launched() -> Iterator[tuple[Playwright, Browser]]:
    """One browser, and what drives it."""
    path = executable()
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield playwright, browser
        finally:
            browser.close()
