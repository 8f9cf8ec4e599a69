"""The README tells of everything that users can rely on, and of nothing else."""

import re
from pathlib import Path

import pytest
import typer.main

from events.envelope import TYPES
from services import metrics, settings
from services.cli.commands import build

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_setting_is_in_the_table_with_its_default_and_its_words():
    told = set(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE))
    assert told == {(name, default, words) for name, default, words in settings.documented()}


def test_every_metric_is_in_the_table_with_its_labels_and_its_kind():
    told = set(re.findall(r"^\| `(promptcast_\w+)(\{.*?\})?` \| (\w+) \|", README, re.MULTILINE))
    real = {
        (each.name, f"{{{','.join(each.labels)}}}" if each.labels else "", each.kind)
        for each in metrics.documented()
    }
    assert told == real


def test_every_event_is_in_the_table():
    told = set(re.findall(r"^\| `([A-Z][a-z]+[A-Z]\w+)` \|", README, re.MULTILINE))
    assert told == {model.__name__ for model in TYPES}


def test_every_command_is_shown():
    commands = getattr(typer.main.get_command(build()), "commands")  # noqa: B009  typer's, untyped
    assert commands
    missing = [name for name in commands if f"promptcast {name}" not in README]
    assert not missing


@pytest.mark.parametrize("folder", ["events", "projections", "services", "deploy", "tests"])
def test_each_top_level_folder_opens_with_a_readme_of_a_screen(folder):
    lines = (ROOT / folder / "README.md").read_text().splitlines()
    assert 10 <= len(lines) <= 80


@pytest.mark.parametrize("folder", ["events", "projections"])
def test_a_folder_s_readme_names_each_of_its_modules(folder):
    text = (ROOT / folder / "README.md").read_text()
    modules = [path.name for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]
    assert [name for name in modules if f"`{name}`" not in text] == []
