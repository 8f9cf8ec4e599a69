"""What the demo model says."""

import pytest

from services.demo_model.answer import MAX_QUOTED, Said, answer


def said(*messages: tuple[str, object], limit: int | None = None) -> Said:
    return answer([{"role": role, "content": content} for role, content in messages], limit)


def text(*messages: tuple[str, object]) -> str:
    return "".join(said(*messages).words)


def test_it_quotes_the_first_line_of_its_prompt_and_the_question():
    assert text(("system", "\nBe a pirate.\nSing."), ("user", "Hello?")) == (
        'My system prompt begins "Be a pirate.". You said "Hello?".'
    )


def test_the_same_messages_get_the_same_answer():
    messages = (("system", "Be brief."), ("user", "Hello?"))
    assert said(*messages) == said(*messages)


def test_without_a_prompt_it_says_so():
    assert text(("user", "Hello?")).startswith("I was given no system prompt.")
    assert text(("system", "  "), ("user", "Hello?")).startswith("I was given no system prompt.")


def test_the_first_system_message_counts():
    assert '"First."' in text(("system", "First."), ("system", "Second."), ("user", "x"))


def test_it_answers_the_last_message_and_counts_the_turns():
    got = text(("user", "One"), ("assistant", "..."), ("user", "Two"))
    assert got.endswith('You said "Two" (turn 2).')


@pytest.mark.parametrize(
    ("content", "quoted"),
    [
        ([{"type": "text", "text": "in"}, {"type": "text", "text": "parts"}], "in parts"),
        ([{"type": "image_url"}, 3, None], ""),
        (None, ""),
        (7, ""),
        ("over\nlines", "over lines"),
    ],
)
def test_content_of_every_shape_is_taken(content: object, quoted: str):
    assert text(("user", content)).endswith(f'You said "{quoted}".')


def test_long_texts_are_cut():
    assert f'"{"x" * MAX_QUOTED}…"' in text(("system", "x" * 1000), ("user", "y"))


def test_a_limit_cuts_the_answer_and_says_so():
    cut = said(("user", "Hello?"), limit=3)
    assert ("".join(cut.words), cut.finish_reason) == ("I was given", "length")
    assert said(("user", "Hello?"), limit=1000).finish_reason == "stop"


def test_words_are_counted_as_tokens():
    usage = said(("system", "Be very brief."), ("user", "Hello there")).usage()
    assert usage["prompt_tokens"] == 5
    assert usage["total_tokens"] == 5 + usage["completion_tokens"]


def test_no_messages_are_no_crash():
    assert text() == "I was given no system prompt. You said nothing."
