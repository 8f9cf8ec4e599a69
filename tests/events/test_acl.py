"""Users for the server: generated from the table of rights, which names whatever is sent."""

import ast
import re
from pathlib import Path

import pytest

from events.streams import rights
from events.streams.acl import allowed, lines, touched
from events.streams.durability import FSYNCED, Durability
from events.streams.keys import Keys

ROOT = Path(__file__).parents[2]
KEYS = Keys("promptcast")


def line_of(user, keys=KEYS, **how):
    (line,) = (each for each in lines(keys, **how) if each.startswith(f"user {user} "))
    return line


def test_the_committed_users_are_those_of_the_default_namespace():
    """`promptcast acl > deploy/redis/users.acl` makes it anew."""
    assert (ROOT / "deploy/redis/users.acl").read_text().splitlines() == lines(KEYS)


def test_a_command_is_allowed_on_its_own_keys_and_by_its_own_subcommand():
    sent = [("TIME",), ("XINFO", "GROUPS", "a"), ("XADD", "b", "*", "c", "d"), ("GET", "e")]
    assert allowed(sent) == (
        "resetchannels -@all +time (+xinfo|groups %R~a) (+xadd %W~b) (+get %R~e)"
    )


def test_keys_with_the_same_commands_share_a_line_and_those_of_one_command_stay_together():
    sent = [("GET", "a"), ("SET", "a", ""), ("GET", "b"), ("SET", "b", ""), ("RENAME", "a", "b")]
    assert allowed(sent) == "resetchannels -@all (+get +set ~a ~b) (+rename ~a %W~b)"


def test_a_script_s_keys_are_its_own():
    assert touched(("EVALSHA", "0", 2, "a", "b", "c")) == ("evalsha", (("a", "RW"), ("b", "RW")))


def test_what_a_command_does_to_its_keys_is_not_guessed():
    with pytest.raises(KeyError):
        allowed([("LPUSH", "a", "b")])


def test_no_user_but_a_person_has_a_category_or_every_key():
    for line in lines(KEYS):
        if not line.startswith(("user operator ", "user default off ")):
            assert not re.search(r"\+@| ~\*| &\*|allkeys|allcommands", line), line


def test_every_key_that_a_service_may_touch_is_in_its_namespace():
    for line in lines(Keys("other")):
        if not line.startswith(("user operator ", "user default off ")):
            keys = re.findall(r"~([^ )]+)", line)
            assert all(key.startswith("{other}:") for key in keys), line


def test_a_password_that_was_not_filled_in_is_none():
    """A server takes 64 hexadecimal digits there, and nothing else."""
    for line in lines(KEYS):
        user, state = line.split()[1:3]
        assert re.search(r" #\$\{[A-Z_]+_SHA256\} ", line) or state == "off", user
        assert ">" not in line
        assert "nopass" not in line


def test_replicas_may_have_a_user_each():
    told = lines(KEYS, replicas=["chat-1", "chat-2"])
    users = [line.split()[1] for line in told]
    assert "replica" not in users
    assert {"replica-chat-1", "replica-chat-2"} < set(users)
    own = line_of("replica-chat-1", replicas=["chat-1", "chat-2"])
    assert "~{promptcast}:replica:chat-1)" in own
    assert "~{promptcast}:tail:chat-1)" in own
    assert "chat-2" not in own
    assert ":*" not in own


def test_waiting_for_disks_is_allowed_only_where_it_is_asked_for():
    """A server before 7.2 knows no WAITAOF, and would not take the file."""
    assert "+waitaof" not in line_of("admin")
    assert "+wait " in line_of("admin"), "the durability may be changed without new users"
    assert "+waitaof" in line_of("admin", durability=Durability.of("fsynced-replicas:1"))


def test_only_an_admin_is_told_settings():
    assert [line.split()[1] for line in lines(KEYS) if "+config|get" in line] == ["admin"]


def _sent(source: str) -> set[str]:
    """The commands that a module names: what begins a call's arguments, or a tuple, in capitals."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        parts = node.elts if isinstance(node, ast.Tuple) else getattr(node, "args", [])
        first = parts[0] if isinstance(parts, list) and parts else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            found.add(first.value)
    return {word for word in found if re.fullmatch("[A-Z]{3,}", word)}


def test_every_command_that_is_sent_is_in_the_table():
    table = (
        *rights.admin(KEYS, Durability.of("replicas:1")),
        *rights.admin(KEYS, Durability.of("fsynced-replicas:1")),
        *rights.chat(KEYS),
        *rights.connecting(),
        *rights.asking(),
        *rights.settings(),
    )
    modules = [*(ROOT / "events/streams").glob("*.py"), *(ROOT / "services").rglob("*.py")]
    speaking = [
        each for each in modules
        if each.name not in {"acl.py", "rights.py"} and ".streams." in each.read_text()
    ]  # fmt: skip
    sent = {word for each in speaking for word in _sent(each.read_text())}
    other = {
        "READONLY", "OOM", "NOPERM", "LOADING",  # what a server answers
        "SENTINEL", "HELLO",  # what sentinels are asked, and what nobody needs a right for
        "COUNT",  # begins the rest of a command
    }  # fmt: skip
    http = {"GET", "POST", "DELETE", "PUT", "HEAD"}
    assert {"XADD", "XREADGROUP", "HINCRBY", "GETRANGE", "WAIT"} <= sent
    assert sent - other - http <= {str(command[0]) for command in table}


def test_the_durability_s_own_question_is_in_the_table():
    assert FSYNCED.question(1.0) is None
    for setting in ("replicas:1", "fsynced-replicas:1"):
        durability = Durability.of(setting)
        question = durability.question(1.0)
        assert question
        assert question[0] in {command[0] for command in rights.admin(KEYS, durability)}
