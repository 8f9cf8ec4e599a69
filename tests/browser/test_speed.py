"""How soon the page can be used, measured by the page's own clock."""

import json

from tests.browser.conftest import MakePanel
from tests.browser.edit import Edit
from tests.browser.panel import Panel

MOST_MS = 1000
OPENINGS = 5
WATCH = """text => {
  const look = () => {
    const editor = document.querySelector("textarea");
    if (editor && editor.value === text && editor.checkVisibility()) {
      requestAnimationFrame(() => setTimeout(() => performance.mark("usable")));
    } else requestAnimationFrame(look);
  };
  look();
}"""
"""Marks the first moment after a picture with the live text in the editor was drawn."""
MARKED = """() => new Promise(done => {
  const observer = new PerformanceObserver(list => done(list.getEntriesByName("usable")[0].startTime));
  observer.observe({ type: "mark", buffered: true });
})"""
"""When that was."""


def usable_after(panel: Panel, place: str) -> float:
    """Milliseconds from the call for the page."""
    panel.open(place)
    return float(panel.page.evaluate(MARKED))


def test_the_prompt_can_be_edited_within_a_second_of_opening_the_page(
    open_panel: MakePanel, edit: Edit, prompt: str
):
    """With nothing in the browser's cache. Others use the machine too: the fastest of some counts."""
    text, taken = edit.prompt(prompt)["template"], []
    for _ in range(OPENINGS):
        panel = open_panel().comes_in_as_admin(edit)
        panel.page.context.new_cdp_session(panel.page).send("Network.clearBrowserCache")
        panel.page.add_init_script(f"({WATCH})({json.dumps(text)})")
        taken.append(usable_after(panel, f"#/prompts/{prompt}"))
    print("usable after", ", ".join(f"{each:.0f}" for each in sorted(taken)), "ms")
    assert min(taken) < MOST_MS
