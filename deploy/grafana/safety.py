"""The panels about what keeps saves safe: journals, checks of the server, healing, and the people."""

from grafana_foundation_sdk.builders import statetimeline, table, timeseries
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.board import remedies
from deploy.grafana.colours import GREEN, RED, words
from deploy.grafana.panels import FILLED, coloured, columned, grid, limited, lines, timeline
from deploy.grafana.queries import ADMIN, grown, or_zero, per_second, quantile
from deploy.grafana.targets import column, query

WRITABLE = (
    f"promptcast_log_writable{{{ADMIN}}} "
    f"* on (instance) group_left () promptcast_log_connected{{{ADMIN}}}"
)
"""1 where an admin reaches a log and may append to it: only then can people save there."""

BEGINS = (
    f"promptcast_log_begins{{{ADMIN}}} and on (instance) promptcast_log_connected{{{ADMIN}}} == 1"
)
"""The position that the log begins with, by those who reach it."""

REFUSED = f'{ADMIN},outcome=~"refused|throttled"'


def admins() -> table.Panel:
    """All that is known of each admin, a row for each."""
    columns = {
        "answers": f"max by (instance) (up{{{ADMIN}}})",
        "can save": f"min by (instance) ({WRITABLE})",
        "reaches the log": f"max by (instance) (promptcast_log_connected{{{ADMIN}}})",
        "head": f"max by (instance) (promptcast_log_head_position{{{ADMIN}}})",
        "members": f"sum by (instance) (promptcast_replicas{{{ADMIN}}})",
        "started": f"1000 * max by (instance) (process_start_time_seconds{{{ADMIN}}})",
        "runs": f"max by (instance, version) (promptcast_build_info{{{ADMIN}}})",
    }
    panel = grid(
        "The admins",
        "Each admin now: whether it answers, can save and reaches the log, the head it knows, its "
        "members, its start and what it runs. Worry about rows that differ from the others.",
        "none",
        *(column(expr) for expr in columns.values()),
    )
    yes = words({0: ("no", RED), 1: ("yes", GREEN)})
    for name in ("answers", "can save", "reaches the log"):
        panel.override_by_name(name, [models.DynamicConfigValue("mappings", yes), FILLED])
    since = models.DynamicConfigValue("unit", "dateTimeFromNow")
    panel.override_by_name("started", [since])
    links = remedies("PromptcastNoAdmin", "PromptcastAdminCutOff")
    return columned(panel, "instance", list(columns), "version").height(6).links(links)


def journal() -> timeseries.Panel:
    """How long a write to a journal takes."""
    histogram = "promptcast_journal_seconds"
    asked = (query(quantile(q, histogram, ADMIN), f"p{q * 100:g}") for q in (0.5, 0.99))
    return lines(
        "Time to write to the journal",
        "Writing to an admin's journal, fsync included. Worry above a second: from 1.5 s on saves "
        "are answered 202. It is the admin's disk.",
        "s",
        *asked,
    ).links(remedies("PromptcastJournalFails"))


def journal_behind() -> timeseries.Panel:
    """What a journal lacks."""
    kept = f'promptcast_journal_position{{{ADMIN},log="log"}}'
    known = f"max by (instance) (promptcast_log_head_position{{{ADMIN}}})"
    panel = lines(
        "Journals: what is missing in each, and writes that failed",
        "Events that are in the log and not in an admin's journal yet, and writes that failed. "
        "Worry when one stays above 0: what is missing there cannot be put back from there.",
        "short",
        query(f"{known} - max by (instance) ({kept})", "missing: {{instance}}"),
        query(grown("promptcast_journal_errors_total", ADMIN, "log"), "failed: {{log}}"),
    )
    return limited(panel, 1).links(remedies("PromptcastJournalFails"))


def extent() -> timeseries.Panel:
    """What part of the log the server has, and where the rest went."""
    begins, trimmed = f"max({BEGINS})", f"max(promptcast_log_trimmed{{{ADMIN}}})"
    head = f"max(promptcast_log_head_position{{{ADMIN}}})"
    panel = lines(
        "Where the log begins on the server",
        "The position that the log begins with there; how many events the server holds, how many were "
        "trimmed by promptcast trim, and how many somebody else has cut off. Worry when the last is "
        "above 0 for longer than a minute: promptcast repair puts them back.",
        "short",
        query(begins, "begins with"),
        query(f"{head} - clamp_min({begins}, 1) + 1", "on the server"),
        query(trimmed, "trimmed"),
        query(f"clamp_min({begins} - {trimmed} - 1, 0)", "cut off"),
    )
    return coloured(panel, {"cut off": RED}).links(remedies("PromptcastLogCutShort"))


def lacking() -> timeseries.Panel:
    """What journals do not have, and the server has no more."""
    lacks = f"max by (instance, log) (promptcast_journal_lacks{{{ADMIN}}})"
    panel = lines(
        "Journals: what was trimmed before they had it",
        "Events that an admin's journal lacks, of each log. It fills up by itself what the server still "
        "has. Worry when it stays above 0: old versions cannot be read there until promptcast fill.",
        "short",
        query(lacks, "lacks: {{instance}} {{log}}"),
    )
    return limited(panel, 1).links(remedies("PromptcastJournalLacks"))


def groups() -> timeseries.Panel:
    """Consumer groups that nobody reads."""
    panel = lines(
        "Groups without a replica; replicas reaped",
        "Consumer groups of the log that belong to no member, and replicas that were given up "
        "after long silence. Worry about groups that stay: each costs the server work at each save.",
        "short",
        query(f"max(promptcast_groups_without_replica{{{ADMIN}}})", "groups without a replica"),
        query(grown("promptcast_replicas_reaped_total", ADMIN), "replicas reaped"),
    )
    return limited(panel, 1).links(remedies("PromptcastGroupWithoutReplica"))


def findings() -> statetimeline.Panel:
    """In which ways the server could lose saves."""
    return (
        timeline(
            "What was found at the server",
            "Each check of the server, every minute: red is a way in which it could lose saves. The "
            "admins' log lines server_finding say what to set. Worry about any red.",
            "bool",
            query(f"max by (check) (promptcast_server_findings{{{ADMIN}}})", "{{check}}"),
        )
        .mappings(words({0: ("well", GREEN), 1: ("found", RED)}))
        .links(remedies("PromptcastServerNotPersisting", "PromptcastServerFinding"))
    )


def writable() -> statetimeline.Panel:
    """Which admin may append to which log."""
    return (
        timeline(
            "Who may save",
            "Whether each admin reaches each log and may append to it. A short no after a failover "
            "or a restart of the server is normal: it looks first whether anything is missing. "
            "Worry when it stays: the log is in doubt, or forked.",
            "bool_yes_no",
            query(f"min by (instance, log) ({WRITABLE})", "{{instance}} {{log}}"),
        )
        .mappings(words({0: ("no", RED), 1: ("yes", GREEN)}))
        .links(remedies("PromptcastLogNotWritable", "PromptcastAdminCutOff"))
    )


def healed() -> timeseries.Panel:
    """Logs that lost events, and got them back."""
    panel = lines(
        "Events put back into a log",
        "The server had lost events, and they were put back from journals and replicas; and members "
        "without whose word saving went on. Worry about any: the server lost what it had "
        "acknowledged.",
        "short",
        query(grown("promptcast_log_healed_events_total", ADMIN, "log"), "put back: {{log}}"),
        query(grown("promptcast_log_healed_total", ADMIN, "log"), "times: {{log}}"),
        query(grown("promptcast_members_missed_total", ADMIN), "members missed"),
    )
    return limited(panel, 1).links(remedies("PromptcastLogHealed", "PromptcastMemberMissed"))


def weak() -> timeseries.Panel:
    """Saves that were not as durable as was asked for."""
    panel = lines(
        "Saves not durable",
        "Appends that were not confirmed to be as durable as was asked for. Worry above 0: the "
        "loss of one more medium could lose them.",
        "short",
        query(grown("promptcast_appends_not_durable_total", ADMIN, "instance"), "{{instance}}"),
    )
    return limited(panel, 1).links(remedies("PromptcastNotDurable"))


def forks() -> timeseries.Panel:
    """What is in no log any more, and what is known of no more."""
    panel = lines(
        "Fork files; credentials lost",
        "Files with events that are in no log any more, and people and keys whose passwords or "
        "hashes went with a Redis. Worry about new ones: look into them with promptcast fork show.",
        "short",
        query(f"max by (instance) (promptcast_forks_kept{{{ADMIN}}})", "forks: {{instance}}"),
        query(f"max(promptcast_credentials_lost{{{ADMIN}}})", "credentials lost"),
    )
    return limited(panel, 1).links(remedies("PromptcastLogForked", "PromptcastCredentialsLost"))


def watching() -> timeseries.Panel:
    """Who watches, and what the admins take."""
    return lines(
        "Who watches",
        "Open panels and other clients that watch the updates, at each admin. Worry when they all "
        "are at one admin, or when the number only ever grows.",
        "short",
        query(f"max by (instance) (promptcast_sse_clients{{{ADMIN}}})", "{{instance}}"),
    )


def turned_away() -> timeseries.Panel:
    """Requests, sign-ins and connections that were refused."""
    return lines(
        "Turned away",
        "Requests turned away, failed sign-ins and connections closed unanswered, a second. Worry "
        "about a rise: a pipeline with an old key, or somebody who tries passwords.",
        "cps",
        query(or_zero(per_second("promptcast_admin_denials_total", ADMIN)), "requests"),
        query(or_zero(per_second("promptcast_sign_ins_total", REFUSED)), "sign-ins"),
        query(or_zero(per_second("promptcast_connections_refused_total", ADMIN)), "connections"),
    )
