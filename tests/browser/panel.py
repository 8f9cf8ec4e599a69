"""The panel as somebody has it open in a browser of their own; its methods read as what they do."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, Locator, Page, expect

from tests.browser.complaints import Complaints
from tests.browser.edit import Edit

PASSWORD = "a long enough password"
MENU_TRIES = 5
FADED = """() => Promise.allSettled(
    document.getAnimations()
        .filter(each => each.effect.getComputedTiming().endTime !== Infinity)
        .map(each => each.finished))"""
"""Waits for every change of colour under way; what breathes for ever is not waited for."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One page in one browser profile."""

    page: Page
    url: str
    complaints: Complaints

    @classmethod
    def over(cls, context: BrowserContext, url: str) -> "Panel":
        """A page that shows nothing yet."""
        page = context.new_page()
        return cls(page, url, Complaints(page))

    # --- who ---

    def comes_in_as_admin(self, edit: Edit) -> "Panel":
        """Open a one-time link, as the first admin does."""
        self.complaints.allow(r"status of 401 .*/api/v1/session\b")  # the page asks who is there
        self.page.goto(edit.link())
        self.is_signed_in_as("admin")
        return self

    def comes_in_as(self, name: str, token: str) -> "Panel":
        """Set a password with the token of an invitation, and open the panel with the session."""
        answer = self.page.context.request.post(
            f"{self.url}/api/v1/password", data={"token": token, "password": PASSWORD}
        )
        assert answer.ok, answer.text()
        self.open("#/")
        self.is_signed_in_as(name)
        return self

    def is_signed_in_as(self, name: str) -> None:
        """The frame says so."""
        expect(self.banner.get_by_text(name).first).to_be_visible()

    def signs_in(self, name: str, password: str) -> None:
        """Fill in the door's form and send it, as soon as it may be sent."""
        self.fill("Name", name)
        self.fill("Password", password)
        self.button("Sign in").click()

    def signs_out(self) -> None:
        """By the menu under the name; a page that only just comes takes the focus, which closes it."""
        leave = self.banner.get_by_role("button", name="Sign out", exact=True)
        menu = self.banner.locator("details.account")
        for _ in range(MENU_TRIES):
            if menu.get_attribute("open") is None:
                menu.locator("summary").click()
            try:
                leave.click(timeout=1000)
                break
            except Error:
                continue
        self.is_at("#/sign-in")

    # --- where ---

    def open(self, place: str = "#/") -> "Panel":
        """Load the page anew, there."""
        if urlsplit(self.page.url).fragment:
            self.page.goto("about:blank")  # or else only the hash would change
        self.page.goto(f"{self.url}/{place}")
        return self

    def go(self, place: str) -> "Panel":
        """Go there as a link does, without loading the page anew."""
        self.page.evaluate("place => { location.hash = place }", place)
        return self

    def is_at(self, place: str) -> None:
        """The address says so."""
        expect(self.page).to_have_url(re.compile(re.escape(place) + r"(\?.*)?$"))

    def is_settled(self) -> "Panel":
        """The page has its heading, waits for nothing any more, and has its last colours."""
        expect(self.main.get_by_role("heading").first).to_be_visible()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)
        self.page.evaluate(FADED)
        return self

    # --- what is seen ---

    @property
    def banner(self) -> Locator:
        """The bar on top of every page."""
        return self.page.get_by_role("banner")

    @property
    def main(self) -> Locator:
        """What is below it."""
        return self.page.get_by_role("main")

    @property
    def health(self) -> Locator:
        """The word on the connection and the fleet."""
        return self.banner.locator(".health")

    @property
    def dialog(self) -> Locator:
        """The question that is open."""
        return self.page.get_by_role("dialog")

    def button(self, name: str) -> Locator:
        """A button of the page, by its whole name."""
        return self.main.get_by_role("button", name=name, exact=True)

    @property
    def alert(self) -> Locator:
        """What the page says is wrong."""
        return self.main.get_by_role("alert")

    def open_prompt(self, name: str) -> "Panel":
        """Load the page of a prompt, and wait for what is live."""
        self.open(f"#/prompts/{name}")
        expect(self.editor).not_to_have_value("")
        return self

    @property
    def editor(self) -> Locator:
        """Where the prompt is written."""
        return self.main.get_by_role("textbox", name="Prompt text")

    @property
    def save_button(self) -> Locator:
        """The one that makes it live."""
        return self.main.get_by_role("button", name=re.compile("^Save"))

    @property
    def strip(self) -> "Strip":
        """Who has it."""
        return Strip(self.main.locator("pc-propagation"))

    def writes(self, text: str) -> None:
        """Replace the prompt's text."""
        self.editor.fill(text)

    def has_written(self, text: str) -> None:
        """The editor holds this text."""
        expect(self.editor).to_have_value(text)

    def fill_note(self, text: str) -> None:
        """Say why."""
        self.main.get_by_role("textbox", name="Note for the history").fill(text)

    def is_live_on(self, replicas: int) -> None:
        """Every one of so many has what was saved here."""
        words = rf"^Live on {replicas} of {replicas} replicas in \d[\d.]* m?s$"
        expect(self.strip.sentence).to_have_text(re.compile(words))

    def saves(self) -> None:
        """Press the button."""
        self.save_button.click()

    def fill(self, label: str, text: str) -> None:
        """Type into the field of this label, instead of what was there."""
        self.main.get_by_label(label, exact=True).fill(text)

    def shows(self, text: str | re.Pattern[str]) -> None:
        """The page has this text."""
        expect(self.main).to_contain_text(text)

    def hears(self, replicas: int) -> None:
        """The stream is there, and all replicas are well."""
        expect(self.health).to_have_text(f"{replicas}/{replicas} replicas")


@dataclass(frozen=True, slots=True)
class Strip:
    """What stands beside the save button: who has the change."""

    element: Locator

    @property
    def sentence(self) -> Locator:
        """All in one line, such as "Live on 3 of 3 replicas in 2.1 ms"."""
        return self.element.get_by_role("status")

    def chip(self, replica: str) -> Locator:
        """One replica."""
        return self.element.locator(f"[data-replica='{replica}']")
