"""Coming in: by a link, by a password, and not by guessing one."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakePanel
from tests.browser.edit import Edit
from tests.browser.panel import PASSWORD, Panel
from tests.system.system import System

NOBODY_YET = "status of 401"
MOST_GUESSES = 12
SLOWED = re.compile(r"try again in \d+ seconds?")


@pytest.fixture(scope="module")
def system(own_system: System) -> System:
    """What is guessed here slows down whoever comes from the same address."""
    return own_system


@pytest.fixture
def visitor(open_panel: MakePanel) -> Panel:
    """Somebody who is not signed in."""
    panel = open_panel()
    panel.complaints.allow(NOBODY_YET)
    return panel


def test_a_one_time_link_lets_one_in_and_only_once(
    visitor: Panel, open_panel: MakePanel, edit: Edit
):
    link = edit.link()
    visitor.page.goto(link)
    visitor.is_signed_in_as("admin")
    assert "token" not in visitor.page.url, "what is in the address is in the browser's history"
    second = open_panel()
    second.complaints.expect(NOBODY_YET)
    second.page.goto(link)
    second.shows("This link was used already")


def test_somebody_invited_chooses_a_password_and_comes_back_with_it(visitor: Panel, edit: Edit):
    token = edit.token_for("ada", "editor")
    visitor.open(f"#/password?token={token}")
    visitor.fill("New password", PASSWORD)
    visitor.button("Set password").click()
    visitor.is_signed_in_as("ada")
    visitor.signs_out()
    visitor.signs_in("ada", PASSWORD)
    visitor.is_signed_in_as("ada")


def test_one_lands_where_one_wanted_to_go(visitor: Panel, edit: Edit):
    edit_token = edit.token_for("bea", "viewer")
    visitor.page.context.request.post(
        f"{visitor.url}/api/v1/password", data={"token": edit_token, "password": PASSWORD}
    )
    visitor.page.context.clear_cookies()
    visitor.open("#/fleet").is_at("#/sign-in")
    visitor.signs_in("bea", PASSWORD)
    visitor.is_at("#/fleet")


def test_guesses_are_slowed_and_the_page_says_how_long_to_wait(visitor: Panel, edit: Edit):
    """The name that is guessed at; who knows the password waits too, and then comes in."""
    token = edit.token_for("carl", "viewer")
    visitor.page.context.request.post(
        f"{visitor.url}/api/v1/password", data={"token": token, "password": PASSWORD}
    )
    visitor.page.context.clear_cookies()
    visitor.complaints.expect("status of 429")
    visitor.open("#/sign-in")
    for _ in range(MOST_GUESSES):  # the first waits are shorter than typing may take
        visitor.signs_in("carl", "not the password")
        expect(visitor.alert).not_to_be_empty()
        if SLOWED.search(visitor.alert.inner_text()):
            break
    expect(visitor.main.get_by_role("button", name=re.compile(r"Wait \d+ s"))).to_be_disabled()
    visitor.signs_in("carl", PASSWORD)
    visitor.is_signed_in_as("carl")
