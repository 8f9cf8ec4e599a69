"""The panels about answers: how fast they come, from which version, and what they cost."""

from grafana_foundation_sdk.builders import heatmap, timeseries

from deploy.grafana.board import remedies
from deploy.grafana.objectives import ANSWER_SECONDS, MODEL_SHARE
from deploy.grafana.outcomes import PICKED, REQUESTS
from deploy.grafana.panels import heat, limited, lines, stacked
from deploy.grafana.queries import buckets, grown, per_second, quantile
from deploy.grafana.targets import query

DURATION = "promptcast_chat_duration_seconds"
FIRST = "promptcast_chat_first_token_seconds"
TOKENS = "promptcast_chat_tokens_total"


def how_fast() -> tuple[timeseries.Panel | heatmap.Panel, ...]:
    """How long answers take."""
    return durations(), first_tokens(), durations_by_bucket(), first_tokens_by_bucket()


def by_version() -> tuple[timeseries.Panel, ...]:
    """Which version answers, how well, at what cost."""
    return answering(), failed_by_version(), tokens_by_kind(), tokens_by_version()


def durations() -> timeseries.Panel:
    """How long whole answers take, over time."""
    asked = (query(quantile(q, DURATION, PICKED), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))
    panel = lines(
        "Time to the whole answer",
        "From request to the end of the answer. Worry when all three rise together (the model), or "
        "when p99 alone does (one replica, or long answers: see tokens).",
        "s",
        *asked,
    )
    return limited(panel, ANSWER_SECONDS).links(remedies("PromptcastChatSlow"))


def first_tokens() -> timeseries.Panel:
    """How long users wait, over time."""
    asked = (query(quantile(q, FIRST, PICKED), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))
    return lines(
        "Time to the first token",
        "From request to the first token: what users feel. Worry when it rises after a save: a "
        "longer prompt takes longer to read.",
        "s",
        *asked,
    ).links(remedies("PromptcastChatSlow"))


def durations_by_bucket() -> heatmap.Panel:
    """All answers, by how long they took."""
    return heat(
        "Time to the whole answer, every request",
        "How many answers took how long. Worry about a second band that comes up above the first.",
        "s",
        buckets(DURATION, PICKED),
    )


def first_tokens_by_bucket() -> heatmap.Panel:
    """All answers, by how long they took to begin."""
    return heat(
        "Time to the first token, every request",
        "How many answers took how long to begin. Worry about a second band above the first.",
        "s",
        buckets(FIRST, PICKED),
    )


def answering() -> timeseries.Panel:
    """Which version answers."""
    return stacked(
        "Answers by version",
        "Which versions answer. After a save the old colour ends and the new one begins within one "
        "step (answers in flight finish on the version they began with). Worry when both go on: "
        "a replica has not got the new one.",
        "reqps",
        query(
            per_second(REQUESTS, f'{PICKED},outcome="ok"', "prompt", "version"),
            "{{prompt}} v{{version}}",
        ),
    ).links(remedies("PromptcastVersionsDiffer"))


def failed_by_version() -> timeseries.Panel:
    """Whether a version fails more than others."""
    answered = grown(REQUESTS, f'{PICKED},outcome="ok"', "prompt", "version")
    owed = grown(REQUESTS, f'{PICKED},outcome!~"left|refused"', "prompt", "version")
    panel = lines(
        "Failed share by version",
        "The share of requests that failed, for each version. Worry when a new version fails more "
        "than the one before (its model or its parameters may be wrong): restore that one.",
        "percentunit",
        query(f"1 - {answered} / ({owed} > 0)", "{{prompt}} v{{version}}"),
    )
    return limited(panel, MODEL_SHARE).links(remedies("PromptcastModelErrors"))


def tokens_by_kind() -> timeseries.Panel:
    """What the model reads and writes."""
    return lines(
        "Tokens",
        "Tokens a second, as the model counts them: prompt is what it read, completion what it "
        "wrote. This is what is paid for. Worry when it rises and the requests do not.",
        "suffix:tokens/s",
        query(per_second(TOKENS, PICKED, "kind"), "{{kind}}"),
    )


def tokens_by_version() -> timeseries.Panel:
    """What an answer costs with each version."""
    answered = per_second(REQUESTS, f'{PICKED},outcome="ok"', "prompt", "version")
    tokens = per_second(TOKENS, PICKED, "prompt", "version", "kind")
    return lines(
        "Tokens per answer, by version",
        "How many tokens an answer takes, read and written, with each version. Worry when a new "
        "version takes many more than the one before: it costs as many times more.",
        "suffix:tokens",
        query(
            f"{tokens} / on (prompt, version) group_left () ({answered} > 0)",
            "{{prompt}} v{{version}} {{kind}}",
        ),
    )
