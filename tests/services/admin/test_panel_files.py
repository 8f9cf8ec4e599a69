"""The panel's files: all there, small, and allowed to load nothing else."""

import re

import pytest

from events.envelope import TYPES
from services.admin.panel_files import read_files

MOST_BYTES = 150_000
IMPORT = re.compile(rb"""(?:from|import)\s+"\./([^"]+)\"""")
DANGEROUS = (
    b"innerHTML",
    b"outerHTML",
    b"insertAdjacentHTML",
    b"document.write",
    b"eval(",
    b"new Function",
)


async def test_the_page_and_all_that_it_loads_are_served_under_a_strict_policy(stage):
    page = await stage.client.get("/")
    loaded = re.findall(r'(?:href|src)="(/panel/[^"]+)"', await page.text())
    assert (page.status, page.content_type, len(loaded)) == (200, "text/html", 3)
    for path in ("/", *loaded):
        answer = await stage.client.get(path)
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_file_that_is_not_there_is_a_404(stage):
    for name in ("nothing.js", "..%2fpanel_files.py", "__init__.py"):
        answer = await stage.client.get(f"/panel/{name}")
        assert answer.status == 404


def test_every_module_imports_only_modules_that_are_there():
    files = read_files()
    for name, text in files.items():
        assert set(IMPORT.findall(text)) <= {each.encode() for each in files}, name


def test_nothing_inline_and_nothing_from_elsewhere_is_in_the_page():
    page = read_files()["index.html"]
    assert not re.search(rb"<style|style=|\son[a-z]+=|https?://", page)
    assert re.findall(rb"<script[^>]*>([^<]*)</script>", page) == [b""]


def test_there_is_a_sentence_for_every_event():
    words = read_files()["event-words.js"].decode()
    told = re.findall(r'^  "(promptcast\.\w+\.v1)": ', words, re.MULTILINE)
    assert sorted(told) == sorted(TYPES.values())


def test_no_module_writes_markup():
    for name, text in read_files().items():
        assert [word for word in DANGEROUS if word in text] == [], name


def loaded(name: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """A module, and all that it imports before it runs."""
    known |= {name}
    for each in IMPORT.findall(read_files()[name]):
        if (other := each.decode()) not in known:
            known = loaded(other, known)
    return known


PAGES = sorted(name for name in read_files() if name.startswith("page-"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_small_with_everything_that_it_loads(page):
    files = {"index.html", "style.css", "icon.svg"} | loaded("app.js") | loaded(page)
    assert sum(len(read_files()[name]) for name in files) < MOST_BYTES


def test_the_frame_loads_no_page_before_it_is_shown():
    assert not loaded("app.js") & set(PAGES)
