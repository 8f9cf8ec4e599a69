"""What dashboards ask, asked of Prometheus' own tool: is it PromQL, and does it say what it should?"""

import shutil
import subprocess

import pytest
import yaml

from tests.deploy.dashboards import committed, expressions

pytestmark = pytest.mark.deploy

ASKED = {
    where: expr for dashboard in committed().values() for where, expr in expressions(dashboard)
}
CHAT, ADMIN = 'job="promptcast-chat"', 'job="promptcast-admin",instance="admin-1"'


def promtool(*arguments):
    tool = shutil.which("promtool")
    assert tool, "promtool is not in PATH (Debian, Ubuntu: apt install prometheus)"
    done = subprocess.run(
        [tool, *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_every_expression_is_promql_of_the_oldest_prometheus_that_is_promised(tmp_path):
    rules = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(ASKED.values())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    status, said = promtool("check", "rules", str(file))
    assert status == 0, said
    assert f"SUCCESS: {len(ASKED)} rules found" in said


def series(name, labels, values):
    return {"series": f"{name}{{{labels}}}", "values": values}


def replica(n, name, values, labels=""):
    return series(name, f'{CHAT},instance="{n}",replica="chat-{n}"{labels}', values)


def says(where, samples, at="2m"):
    """An expectation: at this time, the expression answers with these samples (labels: value)."""
    expected = [{"labels": f"{{{labels}}}", "value": value} for labels, value in samples.items()]
    rounded = f"round(({ASKED[where]}), 0.000001)"  # 1 - 0.8 is not 0.2 to a computer
    return {"expr": rounded, "eval_time": at, "exp_samples": expected}


def versions(*each):
    main = ',prompt="system",branch="main"'
    return [replica(n, "promptcast_prompt_version", v, main) for n, v in enumerate(each, 1)]


def states(n, values, state):
    return [
        replica(
            n, "promptcast_replica_state", values if each == state else "0x12", f',state="{each}"'
        )
        for each in ("starting", "catching_up", "current", "stale", "diverged")
    ]


def requests(outcome, values, version=1):
    labels = f',prompt="system",version="{version}",outcome="{outcome}"'
    return replica(1, "promptcast_chat_requests_total", values, labels)


def admin(name, values, labels=""):
    return series(name, ADMIN + labels, values)


P, C, L = "Promptcast: Propagation", "Promptcast: Chat", "Promptcast: Log"
CASES = {
    "all replicas have the same version": (
        versions("41x6 42x6", "41x6 42x6"),
        [
            says(f"{P} / Same version everywhere? / A", {"": 0}),
            says(f"{P} / $prompt: replicas by version / A", {'version="42"': 2}),
        ],
    ),
    "one replica stays at the version before": (
        versions("41x6 42x6", "41x12", "41x6 42x6"),
        [
            says(f"{P} / Same version everywhere? / A", {"": 1}),
            says(
                f"{P} / $prompt: replicas by version / A", {'version="41"': 1, 'version="42"': 2}
            ),
        ],
    ),
    "a replica does not answer any more": (
        [
            replica(1, "up", "1x12"),
            replica(2, "up", "1x3 0x9"),
            *states(1, "1x12", "current"),
            *states(2, "1x3 stale", "current"),
            *[{**each, "values": "0x3 stale"} for each in states(2, "0", "")[:2]],
        ],
        [
            says(
                f"{P} / State of each replica / A", {'replica="chat-1"': 3, 'replica="chat-2"': 0}
            ),
            says(f"{C} / Replicas that do not answer / A", {"": 1}),
        ],
    ),
    "a member lacks two events": (
        [
            admin("promptcast_log_head_position", "57x12"),
            admin("promptcast_log_connected", "1x12"),
            admin("promptcast_replica_applied_position", "57x12", ',replica="chat-1"'),
            admin("promptcast_replica_applied_position", "55x12", ',replica="chat-2"'),
        ],
        [says(f"{P} / Missing at the slowest / A", {"": 2})],
    ),
    "an admin that does not reach the log says nothing of members": (
        [
            admin("promptcast_log_head_position", "57x12"),
            admin("promptcast_log_connected", "0x12"),
            admin("promptcast_replica_applied_position", "55x12", ',replica="chat-2"'),
            admin("promptcast_replica_lag_events", "0x12", ',replica="chat-2"'),
            admin("promptcast_log_writable", "1x12", ',log="log"'),
        ],
        [
            says(f"{P} / Missing at the slowest / A", {}),
            says(f"{P} / Events behind, by Redis's view / A", {}),
            says(f"{L} / Can everybody save? / A", {"": 0}),
        ],
    ),
    "nothing has failed": (
        [requests("ok", "0+10x12")],
        [
            says(f"{C} / Failed by us / A", {"": 0}),
            says(f"{C} / Failed by the model / A", {"": 0}),
            says(f"{C} / Error budget: how many times too fast it burns / A", {"": 0}),
        ],
    ),
    "a tenth fails by our fault, a tenth by the model's; what clients do wrong does not count": (
        [
            requests("ok", "0+8x12"),
            requests("busy", "0+1x12"),
            requests("timeout", "0+1x12"),
            requests("refused", "0+50x12"),
            requests("left", "0+50x12"),
        ],
        [
            says(f"{C} / Failed by us / A", {"": 0.1}),
            says(f"{C} / Failed by the model / A", {"": 0.111111}),
            says(f"{C} / Error budget: how many times too fast it burns / A", {"": 100}),
            says(
                f"{C} / Failed share by version / A", {'prompt="system",version="1"': 0.2}
            ),
        ],
    ),
    "an answer takes seven tokens to read and three to write": (
        [
            requests("ok", "0+2x12"),
            *[
                replica(
                    1, "promptcast_chat_tokens_total", values,
                    f',prompt="system",version="1",kind="{kind}"',
                )
                for kind, values in (("prompt", "0+14x12"), ("completion", "0+6x12"))
            ],
        ],
        [
            says(
                f"{C} / Tokens per answer, by version / A",
                {
                    'kind="prompt",prompt="system",version="1"': 7,
                    'kind="completion",prompt="system",version="1"': 3,
                },
            )
        ],
    ),
    "memory has a limit": (
        [
            admin("promptcast_server_memory_bytes", "80x12"),
            admin("promptcast_server_memory_limit_bytes", "100x12"),
        ],
        [says(f"{L} / Memory taken / A", {"": 0.8})],
    ),
    "memory has none": (
        [
            admin("promptcast_server_memory_bytes", "80x12"),
            admin("promptcast_server_memory_limit_bytes", "0x12"),
        ],
        [says(f"{L} / Memory taken / A", {"": 0})],
    ),
    "a save is marked, and what was not done is not": (
        [
            admin("promptcast_changes_total", "0x10 1x2", ',action="save",outcome="done"'),
            admin("promptcast_changes_total", "0x12", ',action="restore",outcome="done"'),
            admin("promptcast_changes_total", "0+1x12", ',action="restore",outcome="failed"'),
        ],
        [
            says(f"{P} / mark: Restores and archives", {'action="restore"': 0}),
            says(f"{P} / mark: Pages", {"": 0}),
            says(f"{L} / Changes that failed / A", {"": 12}),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "then"), CASES.values(), ids=CASES)
def test_a_panel_says_what_is_the_case(given, then, tmp_path):
    case = {"interval": "10s", "input_series": given, "promql_expr_test": then}
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "10s", "tests": [case]}))
    status, said = promtool("test", "rules", str(file))
    assert status == 0, said
