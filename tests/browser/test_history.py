"""What was, and the way back to it."""

from playwright.sync_api import expect

from tests.browser.edit import Edit
from tests.browser.panel import Panel


def test_an_older_version_is_restored_with_the_difference_to_what_is_live(
    panel: Panel, edit: Edit, prompt: str
):
    edit.save(prompt, "You are the second version.")
    panel.open(f"#/prompts/{prompt}/history")
    panel.button("Restore v1").click()
    expect(panel.dialog.locator("del, ins").first).to_be_visible()
    panel.dialog.get_by_role("button", name="Restore v1").click()
    panel.is_live_on(3)
    live = edit.prompt(prompt)
    assert (live["version"], live["author"]) == (1, "admin")
    assert [each["version"] for each in edit.versions(prompt)] == [2, 1]


def test_in_an_emergency_the_version_before_is_one_click_and_a_yes_away(
    panel: Panel, edit: Edit, prompt: str
):
    edit.save(prompt, "You are broken.")
    panel.open_prompt(prompt)
    panel.button("Restore previous (v1)").click()
    panel.dialog.get_by_role("button", name="Restore v1").click()
    panel.has_written(f"You are the first version of {prompt}.")
    assert edit.prompt(prompt)["version"] == 1


def test_any_two_versions_are_compared_word_by_word(panel: Panel, edit: Edit, prompt: str):
    edit.save(prompt, f"You are the second version of {prompt}.")
    panel.open(f"#/prompts/{prompt}/compare?from=1&to=2")
    expect(panel.main.locator("pc-diff").get_by_text("second", exact=True).first).to_be_visible()
    expect(panel.main.locator("pc-diff").get_by_text("first", exact=True).first).to_be_visible()
