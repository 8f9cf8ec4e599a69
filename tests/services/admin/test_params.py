import pytest

from services.admin.params import number, prompt_name, whole


@pytest.mark.parametrize("name", ["a", "0", "a.b-c_d", "a" * 64])
def test_names_of_prompts(name):
    assert prompt_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a\n", "\na", ".a", "_a", "A", "a" * 65, "ä", "a b", "a/b", "٣"]
)
def test_what_is_no_name_of_a_prompt(name):
    with pytest.raises(ValueError, match="1 to 64"):
        prompt_name(name)


@pytest.mark.parametrize(("text", "meant"), [("1", 1), ("200", 200), ("007", 7)])
def test_whole_numbers(text, meant):
    assert whole(1, 200)(text) == meant


@pytest.mark.parametrize(
    "text", ["0", "201", "-1", "+1", "1.0", "1_0", " 1", "1\n", "٣", "", "9" * 5000]
)
def test_what_is_no_whole_number_between_them(text):
    with pytest.raises(ValueError, match="from 1 to 200"):
        whole(1, 200)(text)


@pytest.mark.parametrize(
    ("text", "meant"), [("0", 0), ("30", 30), ("1.5", 1.5), (".5", 0.5), ("1e1", 10)]
)
def test_numbers(text, meant):
    assert number("n", "N", highest=30, default=5).parse(text) == meant


@pytest.mark.parametrize(
    "text", ["30.1", "-0.1", "nan", "inf", "1e999", "1_0", "٣", "", "0x1", "1\n"]
)
def test_what_is_no_number_between_them(text):
    with pytest.raises(ValueError, match="from 0 to 30"):
        number("n", "N", highest=30, default=5).parse(text)
