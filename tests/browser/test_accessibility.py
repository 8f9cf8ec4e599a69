"""Every page, as a program that knows the rules of accessibility sees it: axe-core finds nothing."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import MakePanel
from tests.browser.edit import Edit
from tests.browser.furnished import SIGNED_IN, SIGNED_OUT, furnish
from tests.browser.panel import Panel
from tests.system.system import System

THEMES = ("light", "dark")
NARROW, WIDE = 360, 1280


@pytest.fixture(scope="module")
def system(own_system: System) -> System:
    return own_system


@pytest.fixture
def furnished(edit: Edit) -> Edit:
    """The same for every test of the module."""
    if edit.call("GET", "/prompts/support").status == 404:
        furnish(edit)
    return edit


def violations(panel: Panel) -> list[str]:
    """What axe-core objects to on the page once it is settled, each with the first place."""
    found = Axe().run(panel.is_settled().page).response["violations"]
    return [f"{each['id']}: {each['help']} {each['nodes'][0]['html'][:200]}" for each in found]


def looked_at(panel: Panel, places: dict[str, str]) -> dict[str, list[str]]:
    """The pages with violations."""
    found = {}
    for page, place in places.items():
        found[page] = violations(panel.open(place))
    return {page: objections for page, objections in found.items() if objections}


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("theme", THEMES)
def test_no_page_has_a_violation(theme, width, open_panel: MakePanel, furnished: Edit):
    panel = open_panel(color_scheme=theme, viewport={"width": width, "height": 900})
    panel.comes_in_as_admin(furnished)
    assert looked_at(panel, SIGNED_IN) == {}


@pytest.mark.parametrize("theme", THEMES)
def test_nor_has_a_page_before_the_door(theme, open_panel: MakePanel):
    panel = open_panel(color_scheme=theme)
    panel.complaints.allow("status of 401")
    assert looked_at(panel, SIGNED_OUT) == {}


@pytest.mark.parametrize("width", [NARROW, WIDE, 1920])
def test_no_page_is_wider_than_its_window(width, open_panel: MakePanel, furnished: Edit):
    """What is wide by nature (a table, a long line) scrolls by itself."""
    panel = open_panel(viewport={"width": width, "height": 900}).comes_in_as_admin(furnished)
    wide = {}
    for page, place in SIGNED_IN.items():
        panel.open(place).is_settled()
        if (real := panel.page.evaluate("document.documentElement.scrollWidth")) > width:
            wide[page] = real
    assert wide == {}
