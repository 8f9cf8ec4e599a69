import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.limits import MAX_RENDERED_BYTES, MAX_TEMPLATE_BYTES, MAX_VARIABLES, VARIABLE_NAME
from events.template import MissingVariables, RendersTooLarge, Template, TemplateError

ANY_TEXT = st.text(st.characters()) | st.lists(
    st.sampled_from(
        ["{{", "}}", "{", "}", "\\", " ", "\t", "\n", "\r", "\0", "a", "_1", "é", "\ud800"]
    )
).map("".join)
PLAIN = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("{}\\\n\t"), min_size=1
)
NAMES = st.from_regex(VARIABLE_NAME, fullmatch=True)


def literal(text):
    r"""``text`` as a template that says exactly that."""
    return text.replace("{{", r"\{{")


def rendered_by_one_expression(text, values):
    """Another implementation of rendering, for templates that are known to parse."""
    token = re.compile(r"\\(\{\{)|\{\{[ \t]*(\w+)[ \t]*\}\}", re.ASCII)
    return token.sub(lambda found: found[1] or values[found[2]], text)


def refused(text) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        Template.parse(text)
    with pytest.raises(TemplateError, match=re.escape(str(caught.value))):
        Template.check(text)
    return caught.value


def test_text_without_variables_is_rendered_as_it_is():
    assert Template.parse("Be {kind}.\n\tAlways } } {.").render({}) == "Be {kind}.\n\tAlways } } {."


def test_variables_are_replaced_by_their_values():
    template = Template.parse("Hi {{ name }}, {{greeting}}; bye {{\tname }}!")
    assert template.render({"name": "Ann", "greeting": "hello"}) == "Hi Ann, hello; bye Ann!"


def test_variables_are_named_once_each_in_the_order_of_first_use():
    assert Template.parse("{{ b }}{{ a }}{{ b }}{{ _c9 }}").variables == ("b", "a", "_c9")
    assert Template.parse("none").variables == ()


def test_values_are_not_scanned_for_variables_again():
    assert Template.parse("{{ a }}").render({"a": "{{ b }}", "b": "no"}) == "{{ b }}"


def test_values_that_are_not_asked_for_do_no_harm():
    assert Template.parse("{{ a }}").render({"a": "1", "b": "2"}) == "1"


def test_a_render_names_every_variable_that_is_missing_in_order_of_use():
    with pytest.raises(MissingVariables, match="the prompt needs a value for: c, a") as caught:
        Template.parse("{{ c }}{{ b }}{{ a }}{{ c }}").render({"b": ""})
    assert caught.value.names == ("c", "a")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (r"\{{ a }}", "{{ a }}"),
        (r"\{{", "{{"),
        (r"\\{{", r"\{{"),
        (r"\{{\{{", "{{{{"),
        (r"\{{{", "{{{"),
        (r"{\{{", "{{{"),
        ("}}", "}}"),
        ("\\", "\\"),
        (r"\{ a }", r"\{ a }"),
        (r"{{ a }}\{{ a }}{{ a }}", "1{{ a }}1"),
        ("{{ a }}}}", "1}}"),
    ],
)
def test_a_backslash_makes_double_braces_literal_and_is_itself_just_text(text, says):
    assert Template.parse(text).render({"a": "1"}) == says


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("{{ 7*7 }}", 1, 1),
        ("{{ }}", 1, 1),
        ("{{}}", 1, 1),
        ("{{ a.b }}", 1, 1),
        ("{{ 1a }}", 1, 1),
        ("{{ a b }}", 1, 1),
        ("{{ a\n}}", 1, 1),
        ("{{\na }}", 1, 1),
        ("{{\u00a0a }}", 1, 1),
        ("{{ a }", 1, 1),
        ("{{ a } }", 1, 1),
        ("{{ ok }}{{ a\u2003}}", 1, 9),
        ("{{ é }}", 1, 1),
        ("{{ " + "a" * 65 + " }}", 1, 1),
        ("{{{ a }}", 1, 1),
        ("{{ a | b }}", 1, 1),
        ("{% if a %}{{", 1, 11),
        ("one\ntwo {{ a", 2, 5),
        ("one\ntwo {{ a\n}", 2, 5),
        ("{{ a }}\n\n é {{ {{ b }}", 3, 4),
        ("{{ a }}\\{{{{ 1 }}", 1, 11),
        ("a\n\tb\x00", 2, 3),
        ("a\r\nb", 1, 2),
        ("\x7f", 1, 1),
        ("ok\n\x85", 2, 1),
        ("ok \ud800", 1, 4),
        ("", 1, 1),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_column(text, line, column):
    error = refused(text)
    assert (error.line, error.column) == (line, column)
    assert str(error) == f"line {line}, column {column}: {error.detail}"


def test_a_variable_s_name_may_have_sixty_four_characters():
    name = "a" * 64
    assert Template.parse("{{ " + name + " }}").variables == (name,)


@pytest.mark.parametrize("text", ["a\u00a0b", "\u200b", "\u2028", "\ufeff", "👩‍👩‍👧", "\U0010ffff"])
def test_unprintable_characters_that_control_nothing_are_text(text):
    assert Template.parse(text).render({}) == text


@pytest.mark.parametrize(
    "code", [c for c in [*range(0x20), *range(0x7F, 0xA0)] if c not in (9, 10)]
)
def test_every_control_character_but_newline_and_tab_is_refused(code):
    assert refused(f"ab{chr(code)}").detail == f"control character U+{code:04X}"


@pytest.mark.parametrize("letter", ["a", "é", "漢", "👍"])
def test_the_size_is_limited_in_bytes_of_utf_8(letter):
    width = len(letter.encode())
    fits = letter * (MAX_TEMPLATE_BYTES // width)
    fits += "a" * (MAX_TEMPLATE_BYTES - len(fits.encode()))
    assert Template.parse(fits).text == fits
    assert "262145 bytes" in refused(fits + "a").detail


@given(PLAIN)
def test_any_text_can_be_written_as_a_literal(text):
    assert Template.parse(literal(text)).render({}) == text


@given(st.lists(st.tuples(PLAIN.filter(lambda text: text[-1] not in "\\{"), NAMES)), PLAIN)
def test_literals_and_variables_are_told_apart_wherever_they_meet(pairs, last):
    text = "".join(literal(before) + "{{ " + name + " }}" for before, name in pairs) + literal(last)
    template = Template.parse(text)
    values = {name: f"<{name}>" for _, name in pairs}
    assert template.render(values) == "".join(b + values[n] for b, n in pairs) + last
    assert template.variables == tuple(dict.fromkeys(name for _, name in pairs))


@settings(max_examples=300)
@given(ANY_TEXT)
def test_parsing_raises_nothing_but_a_template_error_that_points_into_the_text(text):
    template, error = attempted(Template.parse, text)
    assert attempted(Template.check, text) == (None, error)
    if template is None:
        _, line, column = error
        lines = text.split("\n")
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
    else:
        values = dict.fromkeys(template.variables, "x")
        assert template.render(values) == rendered_by_one_expression(text, values)
        assert Template.of_checked(text) == template


@given(
    st.lists(st.sampled_from(["a", "é", "👍", "\\{{", "{{ v }}", "{{ w }}"]), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_the_size_is_known_before_anything_is_rendered(parts, v, w):
    template, values = Template.parse("".join(parts)), {"v": v, "w": w}
    assert template.rendered_size(values) == len(template.render(values).encode())


def test_the_size_of_gigabytes_is_told_in_a_moment():
    text = "{{a}}" * (MAX_TEMPLATE_BYTES // 5)
    template = Template.parse(text)
    began = time.process_time()
    assert template.rendered_size({"a": "x" * 32_000}) == len(template.parts[1::2]) * 32_000
    with pytest.raises(RendersTooLarge, match="1677696000 bytes"):
        Template.check_rendering(text, {"a": "x" * 32_000})
    assert time.process_time() - began < 1


def test_a_size_needs_every_value_as_rendering_does():
    with pytest.raises(MissingVariables, match="b"):
        Template.parse("{{ a }}{{ b }}").rendered_size({"a": ""})


@pytest.mark.parametrize("letter", ["a", "é"])
def test_what_comes_out_may_have_so_many_bytes_and_not_one_more(letter):
    text, width = letter + "{{ v }}{{ v }}", len(letter.encode())
    fits = "x" * ((MAX_RENDERED_BYTES - width) // 2)
    Template.check_rendering(text, {"v": fits, "unused": "y" * MAX_RENDERED_BYTES})
    with pytest.raises(RendersTooLarge):
        Template.check_rendering(text, {"v": fits + "x"})
    Template.check_rendering(text, {})  # a variable without a default counts as one character


def test_a_template_may_have_so_many_variables_and_not_one_more():
    named = [f"{{{{ v{n} }}}}" for n in range(MAX_VARIABLES + 1)]
    Template.check_rendering("".join(named[:-1]) * 2, {})
    with pytest.raises(RendersTooLarge, match="257 different variables"):
        Template.check_rendering("".join(named), {})


@given(
    st.lists(st.sampled_from(["a", "é", "\\{{", "{{ v }}", "{{ w }}"]), min_size=1),
    st.integers(0, 6 * MAX_RENDERED_BYTES),
)
def test_the_glance_and_the_measure_never_disagree(parts, size):
    text, values = "".join(parts), {"v": "👍" * (size // 20)}
    measured, glanced = [
        refuses(check, values)
        for check in (
            Template.parse(text).check_rendered,
            lambda v: Template.check_rendering(text, v),
        )
    ]
    assert measured == glanced


def refuses(check, values):
    """Whether ``check`` finds too much."""
    try:
        check(values)
    except RendersTooLarge:
        return True
    return False


def attempted(call, text):
    """What ``call`` has returned, or what it has found wrong and where."""
    try:
        return call(text), None
    except TemplateError as error:
        return None, (error.detail, error.line, error.column)


@given(
    st.lists(st.sampled_from(["a", "é\n", "\n", "{{ v }}", "\\{{", "👍 "])),
    st.sampled_from(["{{", "{{ 1 }}", "\x01"]),
)
def test_the_first_mistake_is_found_where_it_stands(before, mistake):
    good = "".join(before)
    error = refused(good + mistake + " and more\n")
    last_line = good.split("\n")[-1]
    assert (error.line, error.column) == (good.count("\n") + 1, len(last_line) + 1)


@pytest.mark.parametrize(
    "unit",
    [
        "{{a}}",
        r"\{{",
        "{{",
        "\\",
        "{",
        "}}",
        "\n",
        "{{ a }}\n",
        "\u00a0",
        "{{ " + " " * 90,
        "{{ a }}\\{{",
    ],
)
def test_no_text_takes_more_than_a_moment_to_parse_and_render(unit):
    """Processor time: a quadratic step anywhere takes tens of seconds at this size."""
    text = (unit * (MAX_TEMPLATE_BYTES // len(unit.encode())))[:MAX_TEMPLATE_BYTES]
    began = time.process_time()
    with contextlib.suppress(TemplateError):
        Template.check(text)
        template = Template.parse(text)
        template.render(dict.fromkeys(template.variables, "value"))
    assert time.process_time() - began < 1
