"""Who may do what, on the page as in the API; and a session that ends while somebody writes."""

import hashlib

from playwright.sync_api import expect

from tests.browser.conftest import MakePanel
from tests.browser.edit import Edit
from tests.browser.panel import PASSWORD, Panel
from tests.system.system import System


def test_a_viewer_reads_and_cannot_save(open_panel: MakePanel, edit: Edit, prompt: str):
    viewer = open_panel().comes_in_as("vera", edit.token_for("vera", "viewer"))
    viewer.open_prompt(prompt)
    expect(viewer.save_button).to_be_disabled()
    viewer.shows("Saving takes the role of an editor")
    csrf = viewer.page.evaluate("fetch('/api/v1/session').then(r => r.json()).then(b => b.csrf)")
    refused = viewer.page.evaluate(
        """async ([name, csrf]) => (await fetch(`/api/v1/prompts/${name}/versions`, {
            method: "POST", body: JSON.stringify({template: "Mine."}),
            headers: {"Content-Type": "application/json", "If-Match": "*", "X-CSRF-Token": csrf},
        })).status""",
        [prompt, csrf],
    )
    viewer.complaints.allow("status of 403")
    assert refused == 403
    assert edit.prompt(prompt)["version"] == 1


def test_a_session_that_ends_during_an_edit_costs_no_word(
    system: System, open_panel: MakePanel, edit: Edit, prompt: str
):
    """An admin signs everybody of this name out; whoever wrote comes back and finds it."""
    editor = open_panel().comes_in_as("edna", edit.token_for("edna", "editor"))
    editor.open_prompt(prompt).writes("Hours of work.")
    expect(editor.save_button).to_be_enabled()
    editor.complaints.allow("status of 401")
    editor.complaints.allow("net::ERR_")
    editor.page.context.clear_cookies()
    editor.saves()
    editor.is_at("#/sign-in")
    editor.signs_in("edna", PASSWORD)
    editor.has_written("Hours of work.")
    editor.saves()
    editor.is_live_on(3)
    assert edit.prompt(prompt)["author"] == "edna"


def test_a_key_is_shown_once_works_and_is_dead_when_it_is_revoked(panel: Panel, edit: Edit):
    name = f"ci-{hashlib.sha256(panel.url.encode()).hexdigest()[:8]}"
    made = edit.post("/keys", {"name": name, "role": "viewer"})
    with_key = Edit(edit.requests, edit.url, made["secret"])
    assert with_key.get("/prompts")["items"]
    panel.open("#/people").shows(name)
    assert made["secret"] not in panel.page.content()
    row = panel.main.locator("tr, li").filter(has_text=name).last
    row.get_by_role("button", name="Revoke").click()
    panel.dialog.get_by_role("button", name="Revoke").click()
    expect(panel.main.get_by_text(name, exact=True)).to_have_count(0)
    assert with_key.call("GET", "/prompts").status == 401
