"""``make screenshots``: each page in light and dark, narrow and wide, into ``screenshots/``."""

import shutil
import sys
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.chromium import launched
from tests.browser.edit import Edit
from tests.browser.furnished import SIGNED_IN, SIGNED_OUT, furnish
from tests.browser.panel import Panel
from tests.system.system import System

FOLDER = Path(__file__).parents[2] / "screenshots"
WIDTHS = {360: 780, 1920: 1080}


def main() -> None:
    """Take them all, or those of the pages that are named."""
    wanted = set(sys.argv[1:])
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with closing(System()) as system, launched() as (playwright, browser):
        ready = system.start()
        edit = Edit(playwright.request.new_context(), ready.admin, ready.admin_key)
        furnish(edit)
        for theme in ("light", "dark"):
            for width, height in WIDTHS.items():
                _take(browser, edit, theme, width, height, wanted)
    print(f"{len(list(FOLDER.iterdir()))} pictures are in {FOLDER}")


def _take(
    browser: Browser, edit: Edit, theme: str, width: int, height: int, wanted: set[str]
) -> None:
    size = {"width": width, "height": height}
    context = browser.new_context(color_scheme=theme, viewport=size)  # type: ignore[arg-type]  # literals
    panel = Panel.over(context, edit.url)
    for places, inside in ((SIGNED_OUT, False), (SIGNED_IN, True)):
        if inside:
            panel.comes_in_as_admin(edit)
        for page, place in places.items():
            if not wanted or page in wanted:
                panel.open(place).is_settled()
                panel.page.screenshot(path=FOLDER / f"{page}-{theme}-{width}.png", full_page=True)
    context.close()


if __name__ == "__main__":
    main()
