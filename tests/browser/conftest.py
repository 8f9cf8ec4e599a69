"""Fixtures: one browser for all, a system that nobody may break, and panels that are watched.

A test that fails leaves a picture of each of its pages, and what their consoles said, in
``browser-failures/``.
"""

import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Playwright

from tests.browser.chromium import PATIENCE_MS, launched
from tests.browser.edit import Edit
from tests.browser.panel import Panel
from tests.system.system import System

SECONDS = 120
"""For one test; whole systems are started, and others may use the machine too."""
FAILURES = Path(__file__).parents[2] / "browser-failures"
PANELS = pytest.StashKey[list[Panel]]()
MakePanel = Callable[..., Panel]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A test passes only if none of its pages has complained; a failure leaves its evidence."""
    try:
        yield
        for panel in _panels(item):
            panel.page.evaluate("0")  # what was said until now has come here
            panel.complaints.check()
    except BaseException:
        for number, panel in enumerate(_panels(item)):
            _keep(item, panel, f"{re.sub(r'[^a-z0-9]+', '-', item.name)[:90]}-{number}")
        raise


def _panels(item: pytest.Item) -> list[Panel]:
    none: list[Panel] = []
    return item.stash.get(PANELS, none)


def _keep(item: pytest.Item, panel: Panel, name: str) -> None:
    FAILURES.mkdir(exist_ok=True)
    picture = FAILURES / f"{name}.png"
    told = [f"at {panel.page.url}, see {picture}", *panel.complaints.console]
    try:
        panel.page.screenshot(path=picture, timeout=5000)
    except Error as error:
        told.append(f"no picture: {error}")
    text = "\n".join(told)
    (FAILURES / f"{name}.txt").write_text(text)
    item.add_report_section("call", f"page {name[-1]}", text)


@pytest.fixture(scope="session")
def launch() -> Iterator[tuple[Playwright, Browser]]:
    """One browser for all tests."""
    with launched() as both:
        yield both


@pytest.fixture(scope="session")
def shared_system() -> Iterator[System]:
    """A whole system that nobody may break; each test has prompts of its own."""
    made = System()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def system(shared_system: System) -> System:
    """The module's system; one that breaks things overrides this by ``own_system``."""
    return shared_system


@pytest.fixture(scope="module")
def own_system() -> Iterator[System]:
    """A system of the module's own."""
    made = System()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def edit(system: System, launch: tuple[Playwright, Browser]) -> Iterator[Edit]:
    """The edit API, as the environment's key."""
    requests = launch[0].request.new_context()
    try:
        yield Edit(requests, system.ready.admin, system.ready.admin_key)
    finally:
        requests.dispose()


@pytest.fixture
def open_panel(
    request: pytest.FixtureRequest, system: System, launch: tuple[Playwright, Browser]
) -> Iterator[MakePanel]:
    """Makes panels, each in a profile of its own; options are those of a browser context."""
    made: list[Panel] = []
    request.node.stash[PANELS] = made

    def make(**options: object) -> Panel:
        context = launch[1].new_context(**options)  # type: ignore[arg-type]  # its own options
        context.set_default_timeout(PATIENCE_MS)
        made.append(Panel.over(context, system.ready.admin))
        return made[-1]

    try:
        yield make
    finally:
        for panel in made:
            panel.page.context.close()


@pytest.fixture
def panel(open_panel: MakePanel, edit: Edit) -> Panel:
    """A panel with the first admin before it."""
    return open_panel().comes_in_as_admin(edit)


@pytest.fixture
def prompt(request: pytest.FixtureRequest, edit: Edit) -> str:
    """The name of a prompt of the test's own, live on every replica in its first version."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:60].strip("-")
    edit.create(name, f"You are the first version of {name}.")
    return name
