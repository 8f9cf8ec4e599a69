"""The dashboard *Propagation*: does everybody have the same version, since when, and how fast?"""

from grafana_foundation_sdk.builders import dashboard, stat
from grafana_foundation_sdk.models import common as kinds

from deploy.grafana import members, speed, trouble
from deploy.grafana.board import board as new
from deploy.grafana.board import document, remedies, with_prompt, with_replicas
from deploy.grafana.colours import BLUE, GREEN, ORANGE, RED, YELLOW, steps, words
from deploy.grafana.objectives import PROPAGATION_SECONDS
from deploy.grafana.panels import tile
from deploy.grafana.queries import ADMIN, CHAT, RANGE, quantile
from deploy.grafana.targets import now

ABOUT = "Does everybody have the same version, since when, and how fast did it get there?"
VERSION = f'promptcast_prompt_version{{{CHAT},branch="main",prompt="$prompt"}}'


def board() -> str:
    """The dashboard's JSON."""
    built = with_prompt(with_replicas(new("promptcast-propagation", "Propagation", ABOUT)))
    for panel in (differing(), holders(), since(), p99(), not_current(), missing()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("Who has what"))
    for held in (members.known(), members.versions(), members.states()):
        built.with_panel(held)
    built.with_row(dashboard.Row("How fast"))
    for fast in (speed.propagation(), speed.reload_lag(), speed.every(), speed.by_replica()):
        built.with_panel(fast)
    built.with_row(dashboard.Row("Who is behind"))
    for behind in members.behind():
        built.with_panel(behind)
    built.with_row(dashboard.Row("What was not taken, and why"))
    for odd in (trouble.outcomes(), trouble.quarantined(), trouble.not_kept()):
        built.with_panel(odd.span(8))
    built.with_panel(trouble.reach()).with_panel(trouble.clocks())
    each = speed.every().title("Reload lag of $replica").repeat("replica").max_per_row(3)
    built.with_row(dashboard.Row("Each replica by itself").collapsed(True).with_panel(each))
    return document(built)


def differing() -> stat.Panel:
    """How many prompts are not the same everywhere."""
    versions = f'count_values by (prompt) ("version", promptcast_prompt_version{{{CHAT}}})'
    return (
        tile(
            "Same version everywhere?",
            "Prompts of which not all replicas that answer have the same version in force. "
            "Worry when it stays above 0 for longer than a scrape: some users get an old prompt.",
            "suffix:prompts differ",
            now(f"sum(count by (prompt) ({versions}) > bool 1)", "prompts that differ"),
        )
        .mappings(words({0: ("yes", GREEN)}))
        .thresholds(steps(GREEN, (1, RED)))
        .links(remedies("PromptcastVersionsDiffer"))
    )


def holders() -> stat.Panel:
    """Which versions are in force, and at how many replicas."""
    return (
        tile(
            "$prompt: replicas by version",
            "How many replicas have which version of $prompt in force; v0 is an archived prompt. "
            "Worry when there are two tiles: a partial reload. The table below says who has what.",
            "suffix:replicas",
            now(f'count_values("version", {VERSION})', "v{{version}}"),
        )
        .text_mode(kinds.BigValueTextMode.VALUE_AND_NAME)
        .color_mode(kinds.BigValueColorMode.VALUE)
        .thresholds(steps(BLUE))
        .links(remedies("PromptcastVersionsDiffer"))
    )


def since() -> stat.Panel:
    """When the last of them had the last change."""
    last = f"max(promptcast_last_reload_timestamp_seconds{{{CHAT}}})"
    return (
        tile(
            "Everywhere since",
            "When the last replica swapped in the last change, if nothing is missing anywhere. "
            "Worry when somebody has saved after that. It knows only of changes since the "
            "replicas' start.",
            "dateTimeFromNow",
            now(f"1000 * {last}", "last swap"),
        )
        .mappings(words({0: ("no change yet", BLUE)}))
        .thresholds(steps(BLUE))
    )


def p99() -> stat.Panel:
    """How fast saves were in force everywhere."""
    return (
        tile(
            "Propagation p99",
            "Of a hundred saves in the time shown, 99 were in force at every member within this. "
            f"Worry above {PROPAGATION_SECONDS:g} s, the objective: one slow member is enough.",
            "s",
            now(quantile(0.99, speed.PROPAGATION, ADMIN, window=RANGE), "p99"),
        )
        .thresholds(steps(GREEN, (PROPAGATION_SECONDS / 2, YELLOW), (PROPAGATION_SECONDS, RED)))
        .no_value("nobody saved")
        .links(remedies("PromptcastPropagationSlow"))
    )


def not_current() -> stat.Panel:
    """How many members are anything but current."""
    others = f'promptcast_replicas{{{ADMIN},state!="current"}}'
    return (
        tile(
            "Members not current",
            "Members that are starting, catching up, lagging, stale, diverged or gone, as the "
            "admins see it. Worry when it is not 0 for minutes; a gone one is reaped after an hour.",
            "suffix:members",
            now(f"max(sum by (instance) ({others}))", "not current"),
        )
        .mappings(words({0: ("none", GREEN)}))
        .thresholds(steps(GREEN, (1, ORANGE), (2, RED)))
        .links(remedies("PromptcastReplicaBehind"))
    )


def missing() -> stat.Panel:
    """How many events the slowest member lacks."""
    head = f"max by (instance) (promptcast_log_head_position{{{ADMIN}}})"
    slowest = f"min by (instance) (promptcast_replica_applied_position{{{ADMIN}}})"
    reached = f"max by (instance) (promptcast_log_connected{{{ADMIN}}}) == 1"
    return (
        tile(
            "Missing at the slowest",
            "Events between the log's head and what the slowest member has reported. Worry when it "
            "is not 0 for longer than a few seconds: that member answers from an old prompt.",
            "suffix:events",
            now(f"clamp_min(max({head} - {slowest} and {reached}), 0)", "events"),
        )
        .no_value("log out of reach")
        .mappings(words({0: ("nothing", GREEN)}))
        .thresholds(steps(GREEN, (1, ORANGE), (10, RED)))
        .links(remedies("PromptcastReplicaBehind"))
    )
