"""What each program of ``promptcast dev`` is told, and what is kept from it."""

import pytest

from services.dev.datadir import DataDir
from services.dev.programs import Layout, Services

SECRETS = {
    "OPENAI_API_KEY": "sk-secret",
    "PROMPTCAST_ADMIN_KEY": "old",
    "PROMPTCAST_CHAT_KEY": "ck",
}


@pytest.fixture
def programs(tmp_path):
    """Programs of a run, with the demo model on this port (None: a model of one's own)."""

    def made(model_port, **environ):
        layout = Layout(
            redis_url="unix:/tmp/s", log="one", admin_port=1, chat_port=2, chat_socket=None,
            replica_ports={"chat-1": 3}, model_port=model_port, embedded=False,
        )  # fmt: skip
        return Services(layout, DataDir(tmp_path, 0), {**SECRETS, **environ})

    return made


def test_the_admin_service_asks_drafts_of_the_same_model_as_the_replicas(programs):
    for port, environ in ((4, {}), (None, {"OPENAI_BASE_URL": "https://model.example/v1"})):
        made = programs(port, **environ)
        admin, replica = made.admin("key").env, made.replica("chat-1").env
        url = environ.get("OPENAI_BASE_URL", "http://127.0.0.1:4/v1")
        for name in (
            "OPENAI_BASE_URL",
            "OPENAI_API_KEY",
            "PROMPTCAST_MODEL",
            "PROMPTCAST_CHAT_KEY",
        ):
            assert admin.get(name) == replica.get(name)
        assert admin["OPENAI_BASE_URL"] == url


def test_no_program_is_told_a_secret_that_it_has_no_use_for(programs):
    made = programs(4)
    assert made.admin("new").env["PROMPTCAST_ADMIN_KEY"] == "new"
    assert "PROMPTCAST_ADMIN_KEY" not in made.replica("chat-1").env
    assert not {"PROMPTCAST_ADMIN_KEY", "OPENAI_API_KEY"} & made.model(4).env.keys()
