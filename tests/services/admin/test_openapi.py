"""The OpenAPI document is complete, and its schemas say what the service does."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.template import Template, TemplateError
from services.admin.access.transport import COOKIE
from services.admin.openapi import PROBLEM_BODIES, document
from services.admin.problem_types import PROBLEM_TYPES
from services.admin.routes import routes
from services.admin.schemas import TEMPLATE_PATTERN
from tests.services.admin.stage import PROMPTS

DOCUMENT = document(routes())


def operations():
    return [
        (path, method, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]


async def test_the_document_is_served_as_it_is_made(stage):
    response = await stage.client.get("/api/v1/openapi.json")
    assert await response.json() == DOCUMENT


async def test_every_route_is_in_the_document_and_no_other(stage):
    served = {
        (route.resource.canonical, route.method.lower())
        for route in stage.client.app.router.routes()
        if route.method != "HEAD"
    }
    assert {(path, method) for path, method, _ in operations()} == served


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] and operation["tags"] for _, _, operation in operations())


def test_every_reference_leads_somewhere():
    found = re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', str(DOCUMENT).replace("'", '"'))
    assert found
    assert set(found) <= set(DOCUMENT["components"]["schemas"])


@pytest.mark.parametrize(
    ("path", "method"),
    [(path, method) for path, method, _ in operations() if "security" not in _],
)
def test_what_needs_a_key_says_what_it_answers_without(path, method):
    assert {"401", "422", "500", "503"} <= set(DOCUMENT["paths"][path][method]["responses"])


@pytest.mark.parametrize("row", routes(), ids=lambda row: row.name)
def test_the_document_says_whose_a_call_is(row):
    operation = DOCUMENT["paths"][row.path][row.method.lower()]
    if row.role is None:
        assert operation["security"] == []
    else:
        assert "security" not in operation  # that of the whole document
        assert f"Role: {row.role}." in operation["description"]
    if row.role in {"editor", "admin"} or (row.role and row.method != "GET"):
        assert "403" in operation["responses"]


def test_the_ways_to_be_known_are_those_of_the_guard():
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert DOCUMENT["security"] == [{name: []} for name in schemes]
    assert (schemes["key"]["scheme"], schemes["session"]["name"]) == ("bearer", COOKIE)


def test_every_type_of_problem_is_listed_somewhere_but_what_nothing_raises_yet():
    listed = {name for name in PROBLEM_TYPES if f"`{name}`" in str(DOCUMENT["paths"])}
    assert set(PROBLEM_TYPES) - listed == {"method-not-allowed"}
    assert set(PROBLEM_BODIES) <= set(PROBLEM_TYPES)


PIECES = st.sampled_from(
    ["{", "{{", "}}", "}", "\\", "\\{{", "{{ a }}", "{{a_1}}", "{{ 1 }}", " ", "\t", "\n", "x", "é", "\0",
     "\r", "\x85", "\xa0", "a", "🙂"]
)  # fmt: skip


@given(st.lists(PIECES, min_size=1, max_size=12).map("".join))
@example("\\{{{{x}}")
@example("{{\n}}")
@example("\\\\{{x}}")
@example("{{{x}}}")
@example("a" * 5000 + "{{")
@example("\\{{x}}" * 500 + "\0")
def test_the_documents_grammar_of_templates_is_that_of_the_parser(text):
    try:
        Template.parse(text)
    except TemplateError:
        assert not re.search(TEMPLATE_PATTERN.removesuffix("$") + r"\Z", text)
    else:
        assert re.search(TEMPLATE_PATTERN, text)


async def test_the_example_template_can_be_saved(stage):
    schema = DOCUMENT["components"]["schemas"]["SaveRequest"]["properties"]["template"]
    await stage.saved(schema["examples"][0])
    assert (await stage.get(f"{PROMPTS}/system"))["template"] == schema["examples"][0]
