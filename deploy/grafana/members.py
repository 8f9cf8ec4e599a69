"""The panels about members: what each has, says of itself, and lacks."""

from grafana_foundation_sdk.builders import dashboard, statetimeline, table, timeseries
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.board import remedies
from deploy.grafana.colours import (
    GREEN,
    GREY,
    ORANGE,
    RED,
    STATE_COLOURS,
    number_of_state,
    state_words,
    steps,
    words,
)
from deploy.grafana.panels import (
    FILLED,
    coloured,
    columned,
    grid,
    limited,
    lines,
    stacked,
    timeline,
)
from deploy.grafana.queries import ADMIN, PICKED, SHOWN
from deploy.grafana.targets import column, query

Property = models.DynamicConfigValue
BEHIND = (
    f"max by (replica) (promptcast_replica_lag_events{{{ADMIN},{PICKED}}} "
    f"and on (instance) promptcast_log_connected{{{ADMIN}}} == 1)"
)
"""What each replica's group lacks; an admin that does not reach the log shows what was, and is not
asked."""
LATE = Property("thresholds", steps(GREEN, (1, ORANGE), (10, RED)).build())


def known() -> table.Panel:
    """All that is known of each replica, a row for each."""
    columns = {
        "state": number_of_state(SHOWN),
        "version": f'max by (replica) (promptcast_prompt_version{{{SHOWN},prompt="$prompt"}})',
        "applied": f"max by (replica) (promptcast_applied_position{{{SHOWN}}})",
        "missing (Redis)": BEHIND,
        "last change": "1000 * max by (replica) "
        f"(promptcast_last_reload_timestamp_seconds{{{SHOWN}}})",
        "started": f"1000 * max by (replica) (process_start_time_seconds{{{SHOWN}}})",
        "runs": f"max by (replica, version) (promptcast_build_info{{{SHOWN}}})",
    }
    panel = grid(
        "Who has what",
        "Each replica now: its state, its version of $prompt, the last position it handled, what "
        "its group still lacks by Redis's view, its last change and its start. Worry about rows "
        "that differ from the others. A replica that does not answer has a state only.",
        "none",
        *(column(expr) for expr in columns.values()),
    )
    since = [Property("unit", "dateTimeFromNow"), Property("mappings", words({0: ("–", GREY)}))]
    (
        panel.override_by_name("state", [Property("mappings", state_words()), FILLED])
        .override_by_name("missing (Redis)", [LATE, FILLED])
        .override_by_name("last change", since)
        .override_by_name("started", since)
    )
    links = remedies("PromptcastReplicaBehind", "PromptcastReplicaNotScraped")
    return columned(panel, "replica", list(columns), "version").height(9).links(links)


def versions() -> statetimeline.Panel:
    """Which version each replica had, from when to when."""
    return (
        timeline(
            "$prompt: version in force at each replica",
            "Each replica's version of $prompt over time; the colour is the version. At any moment "
            "all rows have the same colour. Worry when one changes later than the others, or not.",
            "prefix:v",
            query(
                f'max by (replica) (promptcast_prompt_version{{{SHOWN},branch="main",prompt="$prompt"}})',
                "{{replica}}",
            ),
        )
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BL_PU))
        .links(remedies("PromptcastVersionsDiffer"))
    )


def states() -> statetimeline.Panel:
    """Each replica's state, by its own word."""
    return (
        timeline(
            "State of each replica",
            "Each replica's state by its own word; red: it does not answer. Worry about stale (it "
            "cannot reach Redis), diverged (the log is not the one it knows) and about red that "
            "nobody's rollout explains.",
            "none",
            query(number_of_state(SHOWN), "{{replica}}"),
        )
        .mappings(state_words())
        .links(
            remedies(
                "PromptcastReplicaNotReady", "PromptcastReplicaStale", "PromptcastReplicaDiverged"
            )
        )
    )


def behind() -> tuple[timeseries.Panel, ...]:
    """Who is behind, by whose word."""
    return own_word(), redis_view(), positions(), counted()


def counted() -> timeseries.Panel:
    """How many members are in which state, as the admins see it."""
    panel = stacked(
        "Members by state, as the admins see them",
        "How many members are in each state, by their reports. Worry about anything but green that "
        "lasts, and when the sum falls without a rollout: members were reaped or have left.",
        "short",
        query(f"max by (state) (promptcast_replicas{{{ADMIN}}})", "{{state}}"),
    )
    return coloured(panel, STATE_COLOURS).links(remedies("PromptcastNoReplica"))


def own_word() -> timeseries.Panel:
    """How far behind each replica says it is."""
    panel = lines(
        "Events behind, by its own word",
        "What each replica knows that it has not handled yet. Worry when it stays above 0. One that "
        "hangs says nothing here: compare with Redis's view.",
        "short",
        query(f"max by (replica) (promptcast_lag_events{{{SHOWN}}})", "{{replica}}"),
    )
    return limited(panel, 1).links(remedies("PromptcastReplicaBehind"))


def redis_view() -> timeseries.Panel:
    """How far behind Redis says each replica is."""
    panel = lines(
        "Events behind, by Redis's view",
        "What each replica's consumer group was not given, or has not acknowledged: true even when "
        "the replica hangs. Worry when it stays above 0 while its own word says 0.",
        "short",
        query(BEHIND, "{{replica}}"),
    )
    return limited(panel, 1).links(remedies("PromptcastReplicaBehind"))


def positions() -> timeseries.Panel:
    """The head, and how far the slowest and the fastest are."""
    reported = f"promptcast_replica_applied_position{{{ADMIN}}}"
    return lines(
        "Convergence: the head, and what members have reported",
        "The log's head, what the fastest and the slowest member have, and the oldest head that a "
        "replica knows. Lines on each other are well. Worry when one stays flat while the head goes on.",
        "short",
        query(f"max(promptcast_log_head_position{{{ADMIN}}})", "head"),
        query(f"max({reported})", "fastest"),
        query(f"min({reported})", "slowest"),
        query(f"min(promptcast_log_head_position{{{SHOWN}}})", "head, for who knows least"),
    ).links(remedies("PromptcastReplicaBehind"))
