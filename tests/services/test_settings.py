import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from events.errors import PromptcastError
from services.settings import (
    Settings,
    SettingsError,
    documented,
    fresh_replica_id,
    load_settings,
    variable,
)

SECRET = "a-secret-of-sufficient-length-0123456789"


def test_without_any_variable_every_default_is_a_valid_setting():
    settings = load_settings({})
    assert Settings(**settings.model_dump()) == settings
    assert (settings.host, settings.port, settings.namespace) == ("127.0.0.1", 8080, "promptcast")
    assert settings.prompts == ("*",)


def test_every_setting_is_read_from_its_variable():
    environ = {
        "REDIS_URL": "rediss://user:pass@redis.example:6380/2",
        "PROMPTCAST_NAMESPACE": "team-a",
        "PROMPTCAST_HOST": "::1",
        "PROMPTCAST_PORT": "0",
        "PROMPTCAST_SHARED_PORT": "8080",
        "PROMPTCAST_SHARED_FD": "7",
        "PROMPTCAST_ADVERTISE_URL": "http://10.0.0.7:9000/",
        "PROMPTCAST_REPLICA_ID": "chat-7",
        "PROMPTCAST_STATE_DIR": "/var/lib/promptcast",
        "PROMPTCAST_SIGNING_KEYS": "k1:" + "ab" * 32,
        "PROMPTCAST_ADMIN_KEY": SECRET,
        "PROMPTCAST_BEHIND_TLS": "true",
        "PROMPTCAST_CHAT_KEY": SECRET,
        "PROMPTCAST_CHAT_OPEN": "true",
        "PROMPTCAST_ALLOW_CLIENT_SYSTEM": "yes",
        "PROMPTCAST_CORS_ORIGINS": "https://a.example, http://localhost:3000",
        "PROMPTCAST_READY_WHEN_STALE": "false",
        "PROMPTCAST_STALE_AFTER": "2.5",
        "PROMPTCAST_OPEN_AFTER": "0",
        "PROMPTCAST_REJOIN_AFTER": "3",
        "PROMPTCAST_REAP_AFTER": "60",
        "PROMPTCAST_DURABILITY": "replicas:2",
        "PROMPTCAST_SERVER_CHECKS": "Refuse",
        "PROMPTCAST_CONNECTIONS_PER_ADDRESS": "7",
        "PROMPTCAST_PROMPTS": "support-*, system",
        "PROMPTCAST_MODEL": "gpt-x",
        "OPENAI_API_KEY": "sk-" + SECRET,
        "OPENAI_BASE_URL": "http://127.0.0.1:9999/v1/",
        "PROMPTCAST_UPSTREAM_TIMEOUT": "30",
        "PROMPTCAST_UPSTREAM_FIRST_BYTE_TIMEOUT": "7",
        "PROMPTCAST_CHAT_CONCURRENCY": "4",
        "PROMPTCAST_DRAIN_TIMEOUT": "3",
        "PROMPTCAST_DRAIN_NOTICE": "0",
        "PROMPTCAST_LOG_LEVEL": "DEBUG",
        "PROMPTCAST_LOG_FORMAT": "Console",
    }
    assert set(environ) == {name for name, _, _ in documented()}, "a setting that is not tried here"
    settings = load_settings(environ)
    defaults = load_settings({})
    same = [f for f in Settings.model_fields if getattr(settings, f) == getattr(defaults, f)]
    assert same == []
    assert settings.openai_base_url == "http://127.0.0.1:9999/v1"
    assert settings.prompts == ("support-*", "system")
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.log_level == "debug"


WRONG = [
    ("REDIS_URL", "http://127.0.0.1:6379"),
    ("REDIS_URL", "redis://"),
    ("REDIS_URL", "redis://host:port"),
    ("REDIS_URL", "unix://"),
    ("REDIS_URL", "127.0.0.1:6379"),
    ("REDIS_URL", "redis+sentinel://s1:26379,s2:26379"),
    ("REDIS_URL", "redis+sentinel://s1,:26379/main"),
    ("REDIS_URL", "redis+sentinel://s1:port/main"),
    ("REDIS_URL", "redis+sentinel://s1/main/first"),
    ("REDIS_URL", "redis+sentinel://s1/main?no_such_option=1"),
    ("OPENAI_BASE_URL", "api.example"),
    ("OPENAI_BASE_URL", "http://a b"),
    ("OPENAI_API_KEY", "sk-\x01"),
    ("PROMPTCAST_NAMESPACE", "Team A"),
    ("PROMPTCAST_NAMESPACE", "a}"),
    ("PROMPTCAST_HOST", "http://x"),
    ("PROMPTCAST_PORT", "70000"),
    ("PROMPTCAST_PORT", "http"),
    ("PROMPTCAST_SHARED_PORT", "-1"),
    ("PROMPTCAST_SHARED_FD", "2"),
    ("PROMPTCAST_ADVERTISE_URL", "10.0.0.7:80"),
    ("PROMPTCAST_REPLICA_ID", "chat 1"),
    ("PROMPTCAST_SIGNING_KEYS", "k1:short"),
    ("PROMPTCAST_SIGNING_KEYS", "nokid"),
    ("PROMPTCAST_CHAT_KEY", "with space"),
    ("PROMPTCAST_CHAT_OPEN", "perhaps"),
    ("PROMPTCAST_CORS_ORIGINS", "example.com"),
    ("PROMPTCAST_CORS_ORIGINS", "https://example.com/path"),
    ("PROMPTCAST_STALE_AFTER", "0"),
    ("PROMPTCAST_OPEN_AFTER", "-1"),
    ("PROMPTCAST_OPEN_AFTER", "61"),
    ("PROMPTCAST_REJOIN_AFTER", "-1"),
    ("PROMPTCAST_REAP_AFTER", "0"),
    ("PROMPTCAST_DURABILITY", "always"),
    ("PROMPTCAST_DURABILITY", "replicas:0"),
    ("PROMPTCAST_SERVER_CHECKS", "perhaps"),
    ("PROMPTCAST_CONNECTIONS_PER_ADDRESS", "0"),
    ("PROMPTCAST_STALE_AFTER", "nan"),
    ("PROMPTCAST_PROMPTS", "Sys*"),
    ("PROMPTCAST_PROMPTS", ","),
    ("PROMPTCAST_MODEL", "two words"),
    ("PROMPTCAST_UPSTREAM_TIMEOUT", "inf"),
    ("PROMPTCAST_CHAT_CONCURRENCY", "0"),
    ("PROMPTCAST_LOG_LEVEL", "loud"),
    ("PROMPTCAST_LOG_FORMAT", "xml"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_its_variable_and_what_it_must_be(name, value):
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value})
    line = str(caught.value)
    assert line.startswith(f"{name} must be ")
    assert "\n" not in line
    assert isinstance(caught.value, PromptcastError)


def test_a_wrong_value_is_shown_so_that_it_can_be_found():
    with pytest.raises(SettingsError, match="not 'loud'"):
        load_settings({"PROMPTCAST_LOG_LEVEL": "loud"})


@pytest.mark.parametrize(
    "name", ["PROMPTCAST_ADMIN_KEY", "PROMPTCAST_CHAT_KEY", "OPENAI_API_KEY", "REDIS_URL"]
)
def test_a_wrong_secret_is_not_shown_and_not_in_the_chain_of_causes(name):
    with pytest.raises(SettingsError) as caught:
        load_settings({name: "p4ssword with spaces"})
    assert "p4ssword" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_a_wrong_signing_key_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        load_settings({"PROMPTCAST_SIGNING_KEYS": "k1:p4ssword"})
    assert "p4ssword" not in str(caught.value)


def test_the_port_that_kubernetes_sets_is_explained():
    with pytest.raises(SettingsError, match="enableServiceLinks"):
        load_settings({"PROMPTCAST_PORT": "tcp://10.0.0.1:8080"})


def test_an_empty_variable_counts_as_unset():
    assert load_settings({"PROMPTCAST_PORT": "", "PROMPTCAST_CHAT_KEY": " "}) == load_settings({})


def test_making_settings_reads_no_environment(monkeypatch):
    monkeypatch.setenv("PROMPTCAST_NAMESPACE", "elsewhere")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    assert Settings().namespace == "promptcast"
    assert Settings().redis_url == "redis://127.0.0.1:6379/0"
    assert load_settings({}).redis_url == "redis://127.0.0.1:6379/0"


def test_settings_cannot_be_changed_and_know_no_other_names():
    settings = load_settings({})
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]  # that it is refused is the point
    with pytest.raises(ValidationError):
        Settings(prot=1)  # type: ignore[call-arg]  # that it is refused is the point


def test_no_secret_shows_in_repr_or_json_or_the_redis_location():
    settings = load_settings(
        {
            "REDIS_URL": f"redis://me:{SECRET}@r.example:6379/1?password={SECRET}",
            "OPENAI_BASE_URL": f"https://me:{SECRET}@m.example/v1",
            "OPENAI_API_KEY": SECRET,
            "PROMPTCAST_ADMIN_KEY": SECRET,
            "PROMPTCAST_CHAT_KEY": SECRET,
            "PROMPTCAST_SIGNING_KEYS": f"k1:{SECRET}",
        }
    )
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert settings.redis_location == "redis://r.example:6379/1"
    secrets = {"redis_url", "openai_base_url"}  # strings, because clients take them as they are
    assert SECRET not in settings.model_dump_json(exclude=secrets)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://u:p@h.example:1/0",
        "unix:///run/redis.sock?db=1",
        "redis+sentinel://s1:26379,s2:26379/main",
        "redis+sentinel://u:p@s1,[::1]:26380,s3/main/2?sentinel_password=p",
        "rediss+sentinel://s1,s2/main?ssl_ca_certs=/etc/ca.pem",
    ],
)
def test_each_kind_of_redis_url_is_taken_as_it_is(url):
    assert load_settings({"REDIS_URL": url}).redis_url == url


def test_no_secret_shows_in_the_location_of_sentinels():
    url = f"redis+sentinel://me:{SECRET}@s1,[::1]:5/main/2?sentinel_password={SECRET}"
    settings = load_settings({"REDIS_URL": url})
    assert settings.redis_location == "redis+sentinel://s1:26379,[::1]:5/main/2"


def test_the_prompts_that_a_replica_holds_are_matched_by_globs():
    settings = load_settings({"PROMPTCAST_PROMPTS": "support-*,system"})
    assert settings.holds("system")
    assert settings.holds("support-de")
    assert not settings.holds("systems")


OPENAI = {"OPENAI_API_KEY": SECRET}


class TestChat:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chat.example"])
    def test_is_not_open_to_other_machines_by_accident(self, host):
        with pytest.raises(
            SettingsError, match=r"^PROMPTCAST_CHAT_KEY .*PROMPTCAST_CHAT_OPEN=true"
        ):
            load_settings({**OPENAI, "PROMPTCAST_HOST": host}, service="chat")

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
    def test_is_open_on_loopback(self, host):
        load_settings({**OPENAI, "PROMPTCAST_HOST": host}, service="chat")

    @pytest.mark.parametrize(
        "extra", [{"PROMPTCAST_CHAT_KEY": SECRET}, {"PROMPTCAST_CHAT_OPEN": "true"}]
    )
    def test_is_served_everywhere_with_a_key_or_on_purpose(self, extra):
        load_settings({**OPENAI, "PROMPTCAST_HOST": "0.0.0.0", **extra}, service="chat")

    def test_needs_a_model_to_answer(self):
        with pytest.raises(SettingsError, match=r"OPENAI_API_KEY.*OPENAI_BASE_URL"):
            load_settings({}, service="chat")
        load_settings({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, service="chat")

    def test_takes_the_replica_id_that_its_caller_made_unless_one_is_set(self):
        made = fresh_replica_id()
        settings = load_settings(OPENAI, service="chat", default_replica_id=made)
        assert settings.replica_id == made
        named = {**OPENAI, "PROMPTCAST_REPLICA_ID": "chat-1"}
        assert load_settings(named, default_replica_id=made).replica_id == "chat-1"


class TestAdmin:
    def test_listens_on_a_port_of_its_own(self):
        environ = {"PROMPTCAST_ADMIN_KEY": SECRET}
        assert load_settings(environ, service="admin").port == 8081

    def test_takes_no_key_that_can_be_guessed(self):
        with pytest.raises(SettingsError, match=r"^PROMPTCAST_ADMIN_KEY must have at least 16"):
            load_settings({"PROMPTCAST_ADMIN_KEY": "admin"}, service="admin")

    def test_needs_no_key_since_people_may_sign_in(self):
        assert load_settings({}, service="admin").admin_key is None


@pytest.mark.parametrize("host", ["web-1", "Jürgens-Mac.local", "", "_" * 80, "a" * 200])
def test_a_fresh_replica_id_is_a_valid_one_whatever_the_host_is_called(host, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: host)
    made = fresh_replica_id()
    assert load_settings({"PROMPTCAST_REPLICA_ID": made}).replica_id == made
    assert fresh_replica_id() != made


def test_every_setting_is_documented_with_its_default():
    rows = documented()
    assert [variable(field) for field in Settings.model_fields] == [name for name, _, _ in rows]
    assert all(default and description for _, default, description in rows)
    assert ("PROMPTCAST_STALE_AFTER", "5.0") in [(name, default) for name, default, _ in rows]


@given(st.dictionaries(st.sampled_from([name for name, _, _ in documented()]), st.text()))
def test_whatever_the_environment_holds_settings_load_or_say_one_line(environ):
    said = ""
    try:
        load_settings(environ)
    except SettingsError as error:
        said = str(error)
    assert "\n" not in said
