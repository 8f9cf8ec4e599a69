"""The stream behind the page: it ends and comes back, and what is shown is true again."""

import os
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.edit import Edit
from tests.browser.panel import Panel
from tests.system.system import System

STREAM_ENDED = r"net::ERR_"


@pytest.fixture(scope="module")
def system(own_system: System) -> System:
    return own_system


def test_a_page_says_that_it_reconnects_and_is_true_again_afterwards(
    system: System, panel: Panel, edit: Edit
):
    """The admin is killed; what was saved while the page heard nothing is there when it does again."""
    panel.open("#/fleet").hears(3)
    panel.complaints.allow(STREAM_ENDED)
    pid = system.ready.pids["admin"]
    panel.page.context.set_offline(True)  # it cannot come back before the save is done
    os.kill(pid, signal.SIGKILL)
    expect(panel.health).to_have_text("reconnecting…")
    system.restarted("admin", pid)
    edit.create("saved-unheard", "Nobody heard of this.")
    panel.page.context.set_offline(False)
    panel.hears(3)
    panel.go("#/").shows("saved-unheard")


def test_a_replica_that_is_killed_during_a_save_is_seen_to_come_back_and_have_it(
    system: System, panel: Panel, edit: Edit, prompt: str
):
    panel.open_prompt(prompt)
    replica = system.ready.replicas[1]
    os.kill(replica.pid, signal.SIGKILL)
    panel.writes("You were saved while one was away.")
    panel.saves()
    expect(panel.strip.chip("chat-1")).to_have_attribute("data-outcome", "applied")
    system.restarted(replica.id, replica.pid)
    panel.is_live_on(3)
    panel.hears(3)
    assert edit.prompt(prompt)["version"] == 2


def test_a_replica_that_hangs_is_named_and_lights_up_when_it_goes_on(
    system: System, panel: Panel, prompt: str
):
    """For less than the five seconds after which the supervisor would start another in its place."""
    panel.open_prompt(prompt)
    replica = system.ready.replicas[2]
    os.kill(replica.pid, signal.SIGSTOP)
    try:
        panel.writes("You were saved while one hung.")
        panel.saves()
        expect(panel.strip.chip("chat-1")).to_have_attribute("data-outcome", "applied")
        expect(panel.strip.chip(replica.id)).to_have_attribute("data-outcome", "pending")
    finally:
        os.kill(replica.pid, signal.SIGCONT)
    expect(panel.strip.chip(replica.id)).to_have_attribute("data-outcome", "applied")
    panel.is_live_on(3)
