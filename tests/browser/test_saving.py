"""Save, and watch it arrive; what is not saved yet is not lost."""

import re

from playwright.sync_api import expect

from tests.browser.edit import Edit
from tests.browser.panel import Panel

LAG = re.compile(r"\d[\d.]* m?s$")


def lights_up_everywhere(panel: Panel) -> None:
    """All three have it, each says how long it took, and the sentence says so."""
    panel.is_live_on(3)
    for replica in ("chat-1", "chat-2", "chat-3"):
        expect(panel.strip.chip(replica)).to_have_attribute("data-outcome", "applied")
        expect(panel.strip.chip(replica)).to_contain_text(LAG)


def test_a_save_lights_up_every_replica_with_its_lag(panel: Panel, edit: Edit, prompt: str):
    panel.open_prompt(prompt)
    expect(panel.save_button).to_be_disabled()
    panel.writes("You answer in rhymes.")
    panel.saves()
    lights_up_everywhere(panel)
    assert edit.prompt(prompt)["template"] == "You answer in rhymes."
    assert edit.prompt(prompt)["author"] == "admin"
    expect(panel.save_button).to_be_disabled()


def test_it_is_saved_by_the_keyboard_with_its_note(panel: Panel, edit: Edit, prompt: str):
    panel.open_prompt(prompt).writes("You answer in limericks.")
    panel.fill_note("They asked for it")
    panel.editor.press("ControlOrMeta+s")
    lights_up_everywhere(panel)
    newest = edit.versions(prompt)[0]
    assert (newest["version"], newest["note"]) == (2, "They asked for it")


def test_what_somebody_else_saves_is_seen_at_once(panel: Panel, edit: Edit, prompt: str):
    panel.open_prompt(prompt)
    edit.save(prompt, "You are somebody else's.")
    panel.has_written("You are somebody else's.")
    panel.shows("v2")


def test_a_draft_survives_a_reload_and_is_erased_by_signing_out(
    panel: Panel, edit: Edit, prompt: str
):
    panel.complaints.allow("status of 401 .*/validate")  # it may ask while the session ends
    panel.open_prompt(prompt).writes("Not saved yet.")
    panel.page.reload()
    panel.has_written("Not saved yet.")
    assert edit.prompt(prompt)["version"] == 1
    panel.signs_out()
    kept = panel.page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert "Not saved yet" not in kept


def test_a_mistake_is_named_before_it_is_saved(panel: Panel, prompt: str):
    panel.complaints.allow("status of 4")  # the service's answer to what was typed
    panel.open_prompt(prompt).writes("Hello {{ name")
    panel.shows(re.compile(r"line 1", re.IGNORECASE))
