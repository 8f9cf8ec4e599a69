"""The dashboard *Chat*: do users get answers, how fast, and from which version?"""

from grafana_foundation_sdk.builders import dashboard, stat

from deploy.grafana import answers, outcomes, processes
from deploy.grafana.answers import DURATION, FIRST
from deploy.grafana.board import board as new
from deploy.grafana.board import document, remedies, with_prompts, with_replicas
from deploy.grafana.colours import BLUE, GREEN, ORANGE, RED, YELLOW, steps
from deploy.grafana.objectives import ANSWER_SECONDS, FAILED_SHARE, MODEL_SHARE
from deploy.grafana.outcomes import PICKED, REQUESTS, model, ours
from deploy.grafana.panels import tile
from deploy.grafana.queries import RANGE, per_second, quantile
from deploy.grafana.targets import now

ABOUT = "Do users get answers, how fast, and from which version of the prompt?"


def board() -> str:
    """The dashboard's JSON."""
    built = with_prompts(with_replicas(new("promptcast-chat", "Chat", ABOUT)))
    for panel in (traffic(), failing(), model_failing(), duration(), first_token(), processes.up()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("Traffic and failures"))
    built.with_panel(outcomes.by_outcome()).with_panel(outcomes.failed_share())
    for asked in (outcomes.burn(), outcomes.by_replica(), outcomes.in_flight()):
        built.with_panel(asked.span(8))
    built.with_row(dashboard.Row("How fast"))
    for fast in answers.how_fast():
        built.with_panel(fast)
    built.with_row(dashboard.Row("By version: which one answers, how well, at what cost"))
    for version in answers.by_version():
        built.with_panel(version)
    built.with_row(dashboard.Row("The processes, and their front door"))
    for process in (processes.refused(), processes.cpu(), processes.memory(), processes.files()):
        built.with_panel(process)
    return document(built)


def traffic() -> stat.Panel:
    """How much is asked."""
    return tile(
        "Requests",
        "Chat requests a second, whatever became of them. Worry when it falls to 0 at a time at "
        "which people usually ask: look at the load balancer first.",
        "reqps",
        now(per_second(REQUESTS, PICKED), "requests"),
    ).thresholds(steps(BLUE))


def failing() -> stat.Panel:
    """How much of it fails."""
    return (
        tile(
            "Failed by us",
            "The share of requests that replicas failed in the time shown: failed, behind, busy; not "
            f"counted: refused as wrong, left by the client. Worry above {FAILED_SHARE:.1%}.",
            "percentunit",
            now(ours(RANGE), "failed"),
        )
        .decimals(2)
        .thresholds(steps(GREEN, (FAILED_SHARE / 2, YELLOW), (FAILED_SHARE, RED)))
        .no_value("nobody asked")
        .links(remedies("PromptcastChatErrors"))
    )


def model_failing() -> stat.Panel:
    """How much of it the model fails."""
    return (
        tile(
            "Failed by the model",
            "Of the requests passed on to the model in the time shown, the share that it refused, "
            f"broke off or did not answer in time. Worry above {MODEL_SHARE:.0%}.",
            "percentunit",
            now(model(RANGE), "failed"),
        )
        .decimals(2)
        .thresholds(steps(GREEN, (MODEL_SHARE / 5, YELLOW), (MODEL_SHARE, ORANGE), (0.5, RED)))
        .no_value("nobody asked")
        .links(remedies("PromptcastModelErrors"))
    )


def duration() -> stat.Panel:
    """How long whole answers take."""
    return (
        tile(
            "Answer p95",
            "Of a hundred answers, 95 were whole within this. The model takes most of it. Worry "
            f"above {ANSWER_SECONDS} s, the objective, or at twice of what is usual.",
            "s",
            now(quantile(0.95, DURATION, PICKED, window=RANGE), "p95"),
        )
        .thresholds(steps(BLUE, (ANSWER_SECONDS, RED)))
        .no_value("nobody asked")
        .links(remedies("PromptcastChatSlow"))
    )


def first_token() -> stat.Panel:
    """How long users wait until they see something."""
    return (
        tile(
            "First token p95",
            "Of a hundred answers, 95 had begun within this: what users feel. Worry when it is "
            "twice of what is usual.",
            "s",
            now(quantile(0.95, FIRST, PICKED, window=RANGE), "p95"),
        )
        .thresholds(steps(BLUE))
        .no_value("nobody asked")
        .links(remedies("PromptcastChatSlow"))
    )
