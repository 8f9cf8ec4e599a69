import pytest
from structlog.testing import capture_logs

from services.admin.routes import routes
from tests.services.admin.stage import KEY, PROMPTS, in_memory, refusal

OPEN = {"/", "/healthz", "/readyz", "/metrics", "/problems/{type}", "/api/v1/openapi.json"}


@pytest.fixture
async def stage():
    """In memory: nothing here depends on where the log is kept."""
    async with in_memory() as made:
        yield made


def filled(path):
    return path.format(name="system", version=1, position=1, type="invalid")


async def test_everything_needs_the_key_but_what_holds_no_prompt(stage):
    for endpoint in routes():
        response = await stage.client.request(endpoint.method, filled(endpoint.path))
        if endpoint.path in OPEN:
            assert response.status == 200, endpoint.path
        else:
            assert await refusal(response) == (401, "unauthorized"), endpoint.path
            assert response.headers["WWW-Authenticate"] == "Bearer"
    assert {endpoint.path for endpoint in routes() if endpoint.open} == OPEN


@pytest.mark.parametrize(
    "sent",
    [KEY, f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer", "Bearer  ", "Bearer é",
     f"Bearer {KEY.upper()}", f"Bearer {KEY} {KEY}", "Bearer \udcff"],
)  # fmt: skip
async def test_only_the_key_itself_opens(stage, sent):
    with capture_logs() as lines:
        response = await stage.client.get(PROMPTS, headers={"Authorization": sent})
    assert await refusal(response) == (401, "unauthorized")
    (line,) = lines
    assert (line["event"], line["path"]) == ("unauthorized", PROMPTS)
    assert KEY.lower() not in str(lines).lower()


@pytest.mark.parametrize("sent", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER   {KEY} "])
async def test_the_key_opens_however_the_scheme_is_written(stage, sent):
    response = await stage.client.get(PROMPTS, headers={"Authorization": sent})
    assert response.status == 200


async def test_a_wrong_key_changes_nothing(stage):
    response = await stage.client.post(
        f"{PROMPTS}/system/versions", json={"template": "x"}, headers={"If-None-Match": "*"}
    )
    assert response.status == 401
    assert stage.core.head_position == 1
