"""Asking what is live, what is not saved yet, and every replica."""

from playwright.sync_api import expect

from tests.browser.edit import Edit
from tests.browser.panel import Panel


def asks(panel: Panel, button: str) -> None:
    panel.fill("Question", "Who are you?")
    panel.button(button).click()


def test_the_live_prompt_and_the_draft_answer_side_by_side_and_nothing_is_saved(
    panel: Panel, edit: Edit, prompt: str
):
    panel.open_prompt(prompt).writes("You are a draft.")
    expect(panel.save_button).to_be_enabled()
    panel.go(f"#/prompts/{prompt}/try")
    asks(panel, "Ask")
    panel.shows(f"You are the first version of {prompt}.")
    panel.shows("You are a draft.")
    assert edit.prompt(prompt)["version"] == 1


def test_every_replica_says_what_it_answers_with(panel: Panel, prompt: str):
    panel.open(f"#/prompts/{prompt}/try")
    asks(panel, "Ask every replica")
    answers = panel.main.locator("article.answer")
    expect(answers).to_have_count(3)
    for number, replica in enumerate(("chat-1", "chat-2", "chat-3")):
        expect(answers.nth(number)).to_contain_text(replica)
        expect(answers.nth(number)).to_contain_text("v1")
        expect(answers.nth(number)).to_contain_text(f"You are the first version of {prompt}.")
