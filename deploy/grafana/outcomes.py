"""The panels about what became of chat requests: answered, failed by us, failed by the model."""

from grafana_foundation_sdk.builders import timeseries

from deploy.grafana.board import remedies
from deploy.grafana.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW
from deploy.grafana.objectives import BURN_FAST, BURN_SLOW, FAILED_SHARE, MODEL_SHARE
from deploy.grafana.panels import coloured, limited, lines, stacked
from deploy.grafana.queries import SHOWN, WINDOW, grown, or_zero, per_second
from deploy.grafana.targets import query

PICKED = f'{SHOWN},prompt=~"$prompt"'
REQUESTS = "promptcast_chat_requests_total"
OUTCOMES = {
    "ok": GREEN,
    "refused": BLUE,
    "left": GREY,
    "busy": YELLOW,
    "behind": ORANGE,
    "upstream_error": PURPLE,
    "timeout": "dark-purple",
    "failed": RED,
}


def _share(failed: str, all_of: str, window: str) -> str:
    """The share of some outcomes among others. One that was never met has no series, and is 0."""
    some = grown(REQUESTS, f"{PICKED},outcome{failed}", window=window)
    return f"({or_zero(some)}) / {grown(REQUESTS, f'{PICKED},outcome{all_of}', window=window)}"


def ours(window: str) -> str:
    """The share that failed by our fault. What was the client's own, or left by it, is no request."""
    return _share('=~"failed|behind|busy"', '!~"left|refused"', window)


def model(window: str) -> str:
    """The share that the model failed, of those that were passed on to it."""
    return _share('=~"upstream_error|timeout"', '=~"ok|upstream_error|timeout"', window)


def by_outcome() -> timeseries.Panel:
    """What became of requests."""
    panel = stacked(
        "Requests by outcome",
        "ok; refused: wrong by the client; left: the client went away; busy: too many at once; "
        "behind: no prompt yet, or not the one asked for; upstream_error, timeout: the model; "
        "failed: our own fault. Worry about everything but the first three.",
        "reqps",
        query(per_second(REQUESTS, PICKED, "outcome"), "{{outcome}}"),
    )
    return coloured(panel, OUTCOMES).links(remedies("PromptcastChatErrors"))


def failed_share() -> timeseries.Panel:
    """The share of failures over time."""
    panel = lines(
        "Failed share",
        "The share of requests that failed by our fault, and by the model. The dashed line is the "
        f"objective for ours. Worry while ours is above it, and the model above {MODEL_SHARE:.0%}.",
        "percentunit",
        query(ours(WINDOW), "by us"),
        query(model(WINDOW), "by the model"),
    )
    links = remedies("PromptcastChatErrors", "PromptcastModelErrors")
    return limited(panel, FAILED_SHARE).links(links)


def burn() -> timeseries.Panel:
    """How fast the budget of failures burns."""
    panel = lines(
        "Error budget: how many times too fast it burns",
        f"At 1 the month's budget of {FAILED_SHARE:.1%} lasts just a month. Somebody is woken when it "
        f"burns {BURN_FAST:g} times too fast for an hour (dashed), or {BURN_SLOW} times for six. "
        "Worry above 1 that lasts.",
        "short",
        query(f"({ours('1h')}) / {FAILED_SHARE}", "over 1 h"),
        query(f"({ours('6h')}) / {FAILED_SHARE}", "over 6 h"),
    )
    return limited(panel, BURN_FAST).links(remedies("PromptcastChatErrors"))


def by_replica() -> timeseries.Panel:
    """How the load is spread."""
    return stacked(
        "Requests by replica",
        "How the load balancer spreads requests. Worry about a replica that gets none though it is "
        "up, and about one that gets them all.",
        "reqps",
        query(per_second(REQUESTS, PICKED, "replica"), "{{replica}}"),
    )


def in_flight() -> timeseries.Panel:
    """How many each replica is answering."""
    return lines(
        "In flight at each replica",
        "Requests being answered at each replica. Worry when it nears PROMPTCAST_CHAT_CONCURRENCY: "
        "beyond it the outcome is busy.",
        "short",
        query(f"max by (replica) (promptcast_chat_in_flight{{{SHOWN}}})", "{{replica}}"),
    ).links(remedies("PromptcastChatErrors"))
