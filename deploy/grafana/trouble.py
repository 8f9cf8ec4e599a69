"""The panels about what went wrong at replicas: what was not taken, not kept, out of reach."""

from grafana_foundation_sdk.builders import statetimeline, timeseries

from deploy.grafana.board import remedies
from deploy.grafana.colours import GREEN, RED, words
from deploy.grafana.panels import coloured, limited, lines, stacked, timeline
from deploy.grafana.queries import ADMIN, SHOWN, grown, or_zero
from deploy.grafana.targets import query


def outcomes() -> timeseries.Panel:
    """What became of events at the replicas."""
    panel = stacked(
        "Events at the replicas, by outcome",
        "What replicas did with events: applied, skipped (a prompt they do not hold), rejected. "
        "Worry about any that was rejected: that replica goes on with the version before.",
        "short",
        query(grown("promptcast_reloads_total", SHOWN, "outcome"), "{{outcome}}"),
    )
    reds = {"applied": GREEN, "rejected": RED}
    return coloured(panel, reds).links(remedies("PromptcastVersionRejected"))


def quarantined() -> timeseries.Panel:
    """Events that a replica does not try again."""
    panel = lines(
        "Events in quarantine",
        "Events that broke a replica's loader, and that it does not try again. Worry above 0: save "
        "another version of that prompt.",
        "short",
        query(f"max by (replica) (promptcast_quarantined_events{{{SHOWN}}})", "{{replica}}"),
    )
    return limited(panel, 1).links(remedies("PromptcastEventsQuarantined"))


def reach() -> statetimeline.Panel:
    """Whether each replica and each admin reaches the log."""
    return (
        timeline(
            "Who reaches the log",
            "Whether each replica, and each admin, reaches the log. Worry about one that does not (its "
            "network), and about all at once (Redis). Replicas go on serving, marked as stale.",
            "bool_yes_no",
            query(f"max by (replica) (promptcast_log_connected{{{SHOWN}}})", "{{replica}}"),
            query(f"max by (instance) (promptcast_log_connected{{{ADMIN}}})", "admin {{instance}}"),
        )
        .mappings(words({0: ("out of reach", RED), 1: ("in reach", GREEN)}))
        .links(remedies("PromptcastLogUnreachable"))
    )


def clocks() -> timeseries.Panel:
    """How far each replica's clock is from the server's."""
    return lines(
        "Clocks",
        "The server's clock minus each replica's. Reload lag is corrected by it, so one that is off "
        "does no harm. Worry beyond a few seconds: look after that machine's time.",
        "s",
        query(f"max by (replica) (promptcast_clock_offset_seconds{{{SHOWN}}})", "{{replica}}"),
    )


def not_kept() -> timeseries.Panel:
    """What replicas could not write to their disks."""
    panel = lines(
        "Not kept on disk",
        "How often replicas could not write, or not in time, what is to outlive them. Worry when it "
        "goes on: a restart while Redis is down would serve an older prompt, or none.",
        "short",
        query(or_zero(grown("promptcast_state_errors_total", SHOWN, "what")), "not kept: {{what}}"),
    )
    return limited(panel, 1).links(remedies("PromptcastStateNotKept"))
