"""Two people edit the same prompt in two browsers: whatever they choose, nothing is lost."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakePanel
from tests.browser.edit import Edit
from tests.browser.panel import Panel

MINE, THEIRS = "What I have written.", "What bea has written."


@pytest.fixture
def conflict(panel: Panel, open_panel: MakePanel, edit: Edit, prompt: str) -> Panel:
    """The panel of somebody whose save was refused, because bea's came first."""
    panel.complaints.expect("status of 412")
    panel.open_prompt(prompt).writes(MINE)
    other = open_panel().comes_in_as("bea", edit.token_for("bea", "editor"))
    other.open_prompt(prompt).writes(THEIRS)
    other.saves()
    other.is_live_on(3)
    panel.shows("bea made v2 live while you were editing")
    panel.has_written(MINE)
    panel.saves()
    expect(panel.dialog).to_contain_text(MINE)
    expect(panel.dialog).to_contain_text(THEIRS)
    return panel


def chooses(panel: Panel, choice: str) -> None:
    panel.dialog.get_by_role("button", name=choice).click()
    expect(panel.dialog).to_be_hidden()


def test_mine_goes_on_top_of_theirs_only_when_i_say_so(conflict: Panel, edit: Edit, prompt: str):
    assert edit.prompt(prompt)["template"] == THEIRS
    chooses(conflict, "Keep mine")
    assert edit.prompt(prompt)["template"] == THEIRS, "chosen is not saved yet"
    conflict.saves()
    conflict.is_live_on(3)
    shown = [(each["version"], each["author"]) for each in edit.versions(prompt)]
    assert shown == [(3, "admin"), (2, "bea"), (1, "admin")]
    assert edit.get(f"/prompts/{prompt}/versions/2")["template"] == THEIRS
    assert edit.prompt(prompt)["template"] == MINE


def test_i_take_theirs_and_can_still_bring_mine_back(conflict: Panel, edit: Edit, prompt: str):
    chooses(conflict, "Take theirs")
    conflict.has_written(THEIRS)
    expect(conflict.save_button).to_be_disabled()
    conflict.button("Bring it back").click()
    conflict.has_written(MINE)
    assert len(edit.versions(prompt)) == 2


def test_i_go_on_editing_and_decide_later(conflict: Panel, edit: Edit, prompt: str):
    chooses(conflict, "Go on editing")
    conflict.has_written(MINE)
    conflict.page.reload()
    conflict.has_written(MINE)
    conflict.shows("while you were editing")
    assert edit.prompt(prompt)["template"] == THEIRS
