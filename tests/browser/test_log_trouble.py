"""Somebody wrote into the log: every page says that saving is stopped, until it has been mended."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.edit import Edit
from tests.browser.panel import Panel
from tests.browser.test_accessibility import violations
from tests.system.system import System

REFUSED = "status of 503"
"""What is read about prompts is proved by the log, and so is not answered meanwhile."""
PAGES = ("#/help", "#/audit", "#/people", "#/fleet")


@pytest.fixture(scope="module")
def system(own_system: System) -> System:
    return own_system


def trouble(panel: Panel) -> Locator:
    """What stands below the bar of every page while something is wrong with saving."""
    return panel.page.locator("p.banner")


def test_every_page_says_that_saving_is_stopped_until_the_log_is_repaired(
    system: System, panel: Panel, edit: Edit
):
    panel.complaints.allow(REFUSED)
    panel.open("#/fleet").hears(3)
    expect(trouble(panel)).to_be_hidden()
    with system.hand() as hand:
        hand.client.execute_command("XADD", hand.keys.log, "*", "stray", "entry")
    for page in PAGES:
        panel.open(page)
        expect(trouble(panel)).to_contain_text("Saving is stopped, chat goes on")
        expect(trouble(panel)).to_contain_text("run 'promptcast repair'")
    panel.page.emulate_media(color_scheme="light")
    assert violations(panel) == []
    panel.page.emulate_media(color_scheme="dark")
    assert violations(panel) == []
    panel.open("#/prompts/system").shows("Try again")
    assert edit.post("/logs/repair", {})["changed"]
    expect(trouble(panel)).to_be_hidden()
    expect(panel.editor).not_to_have_value("")  # what could not be shown is there by itself
