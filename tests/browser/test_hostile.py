"""A prompt that would like to be more than text."""

from time import monotonic

from playwright.sync_api import expect

from tests.browser.edit import Edit
from tests.browser.panel import Panel

SCRIPT = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
REVERSED = "\u202egnisrever\u202c and \u2066isolated\u2069"
HOSTILE = f"{SCRIPT}\n{REVERSED}\n{'x' * 250_000}\nthe end"
QUICK_SECONDS = 20.0
"""For a page with 250 KB in one line, on a machine that does other things too."""


def test_it_is_shown_compared_and_restored_as_text(panel: Panel, edit: Edit, prompt: str):
    edit.save(prompt, HOSTILE, note=SCRIPT[:200])
    edit.save(prompt, HOSTILE.replace("the end", "an end"))
    began = monotonic()
    panel.open_prompt(prompt)
    assert panel.editor.input_value().endswith("an end")
    panel.open(f"#/prompts/{prompt}/compare?from=2&to=3")
    expect(panel.main.locator("pc-diff").get_by_text("an", exact=True).first).to_be_visible()
    panel.shows("<script>document.title")
    panel.shows("U+202E")
    panel.open(f"#/prompts/{prompt}/history")
    panel.button("Restore v2").click()
    panel.dialog.get_by_role("button", name="Restore v2").click()
    panel.is_live_on(3)
    assert monotonic() - began < QUICK_SECONDS
    assert edit.prompt(prompt)["template"] == HOSTILE
    assert "taken" not in panel.page.title()
    assert panel.page.locator("main script, main img[src=x]").count() == 0
