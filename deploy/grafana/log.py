"""The dashboard *Log*: is what was saved safe, can anybody save, and does the server have room?"""

from grafana_foundation_sdk.builders import dashboard, stat, timeseries

from deploy.grafana import safety
from deploy.grafana.board import board as new
from deploy.grafana.board import document, remedies
from deploy.grafana.colours import BLUE, GREEN, ORANGE, RED, YELLOW, steps, words
from deploy.grafana.objectives import MEMORY_PAGE, MEMORY_TICKET
from deploy.grafana.panels import coloured, lines, stacked, tile
from deploy.grafana.queries import ADMIN, RANGE, WINDOW, grown, quantile
from deploy.grafana.targets import now, query

ABOUT = "Can everybody save, is what was saved safe, and does the server have room?"
HEAD = f"promptcast_log_head_position{{{ADMIN}}}"
MEMORY = f"promptcast_server_memory_bytes{{{ADMIN}}}"
ROOM = f"promptcast_server_memory_limit_bytes{{{ADMIN}}}"
CHANGES = "promptcast_changes_total"
OUTCOMES = {
    "done": GREEN,
    "unchanged": BLUE,
    "replayed": "light-blue",
    "refused": YELLOW,
    "failed": RED,
}


def board() -> str:
    """The dashboard's JSON."""
    built = new("promptcast-log", "Log", ABOUT)
    for panel in (can_save(), head(), failed(), findings(), memory_share(), not_durable()):
        built.with_panel(panel)
    built.with_row(dashboard.Row("Saving"))
    built.with_panel(safety.admins())
    for saving in (changes(), appends(), safety.journal(), safety.journal_behind()):
        built.with_panel(saving)
    built.with_row(dashboard.Row("The log and its server"))
    log = (growth(), memory(), safety.extent(), safety.lacking())
    for served in (*log, safety.groups(), safety.findings()):
        built.with_panel(served)
    built.with_row(dashboard.Row("Whole and durable"))
    for whole in (safety.writable(), safety.healed(), safety.weak(), safety.forks()):
        built.with_panel(whole)
    built.with_row(dashboard.Row("Who watches, who was turned away"))
    for people in (safety.watching(), safety.turned_away()):
        built.with_panel(people)
    return document(built)


def can_save() -> stat.Panel:
    """Whether every admin may append to both logs."""
    return (
        tile(
            "Can everybody save?",
            "Whether every admin reaches the log and may append to it, and to that of access. Worry "
            "when it is no for longer than a failover takes: the admins' /readyz says why.",
            "bool_yes_no",
            now(f"min({safety.WRITABLE})", "can save"),
        )
        .mappings(words({0: ("no", RED), 1: ("yes", GREEN)}))
        .no_value("no admin answers")
        .links(remedies("PromptcastLogNotWritable", "PromptcastNoAdmin"))
    )


def head() -> stat.Panel:
    """How long the log is."""
    return tile(
        "Events in the log",
        "The log's last position: how many events there are. It never goes back; worry if it does.",
        "short",
        now(f"max({HEAD})", "head"),
    ).thresholds(steps(BLUE))


def failed() -> stat.Panel:
    """How many changes came to nothing by our fault."""
    return (
        tile(
            "Changes that failed",
            "Saves, restores and archives that failed in the time shown: the log was out of reach, "
            "in doubt, or its answer was lost. Worry above 0; people were told.",
            "short",
            now(f"ceil({grown(CHANGES, _failed(), window=RANGE)})", "failed"),
        )
        .thresholds(steps(GREEN, (1, RED)))
        .links(remedies("PromptcastSavesFail"))
    )


def _failed() -> str:
    return f'{ADMIN},outcome="failed"'


def findings() -> stat.Panel:
    """In how many ways the server could lose saves."""
    found = f"max by (check) (promptcast_server_findings{{{ADMIN}}})"
    return (
        tile(
            "Server findings",
            "Ways in which the server could lose what was saved. Worry above 0: the panel further "
            "down says which.",
            "suffix:findings",
            now(f"sum({found})", "findings"),
        )
        .mappings(words({0: ("none", GREEN)}))
        .thresholds(steps(GREEN, (1, RED)))
        .links(remedies("PromptcastServerNotPersisting", "PromptcastServerFinding"))
    )


def memory_share() -> stat.Panel:
    """How full the server is."""
    # A limit of 0 is none: the share is 0 then, which no server with data has.
    share = f"{MEMORY} / clamp_min({ROOM}, 1) * ({ROOM} > bool 0)"
    return (
        tile(
            "Memory taken",
            f"Of the memory that the server may take. Worry above {MEMORY_TICKET:.0%}: when it is "
            "full nobody can save (noeviction); archive and trim, or give it more.",
            "percentunit",
            now(f"max({share})", "taken"),
        )
        .mappings(words({0: ("no limit set", ORANGE)}))
        .thresholds(steps(GREEN, (MEMORY_TICKET, ORANGE), (MEMORY_PAGE, RED)))
        .links(remedies("PromptcastServerMemory"))
    )


def not_durable() -> stat.Panel:
    """How many saves were not as durable as was asked for."""
    weak = grown("promptcast_appends_not_durable_total", ADMIN, window=RANGE)
    return (
        tile(
            "Saves not durable",
            "Appends in the time shown that were not confirmed to be as durable as was asked for "
            "(answered 202). Worry above 0: a replica of the server, or a journal's disk, is away.",
            "short",
            now(f"ceil({weak})", "not durable"),
        )
        .thresholds(steps(GREEN, (1, ORANGE)))
        .links(remedies("PromptcastNotDurable"))
    )


def changes() -> timeseries.Panel:
    """What became of changes."""
    panel = stacked(
        "Changes by outcome",
        "Saves, restores and archives: done, unchanged, replayed (a repeated request), refused "
        "(wrong, or somebody else was faster), failed. Worry about failed; the marks say what it was.",
        "short",
        query(grown(CHANGES, ADMIN, "outcome"), "{{outcome}}"),
    )
    return coloured(panel, OUTCOMES).links(remedies("PromptcastSavesFail"))


def appends() -> timeseries.Panel:
    """How long an append takes."""
    histogram = "promptcast_append_seconds"
    asked = (query(quantile(q, histogram, ADMIN), f"p{q * 100:g}") for q in (0.5, 0.99))
    return lines(
        "Time to append",
        "From sending an event to the server's answer, its fsync included. It grows with the fleet "
        "(the server wakes everybody first). Worry when it jumps: the server's disk, or a fork.",
        "s",
        *asked,
    ).links(remedies("PromptcastPropagationSlow"))


def growth() -> timeseries.Panel:
    """How fast the log grows."""
    return lines(
        "Growth of the log",
        "Events a minute, all kinds together. Worry when nobody saves and it grows: a pipeline "
        "that saves in a loop. Each event costs memory until the log is trimmed.",
        "suffix:events/min",
        query(f"60 * max(deriv({HEAD}[{WINDOW}]))", "events"),
    )


def memory() -> timeseries.Panel:
    """What the server's data take, against what they may."""
    panel = lines(
        "Server memory against its limit",
        "What the server's data take, the limit (maxmemory; 0: none), and what they would take in "
        "a week at the pace of the last hour. Worry when the last is above the limit.",
        "bytes",
        query(f"max({MEMORY})", "taken"),
        query(f"max({ROOM})", "limit"),
        query(f"max(predict_linear({MEMORY}[1h], 7 * 86400))", "in a week"),
    )
    return coloured(panel, {"limit": RED}).links(remedies("PromptcastServerMemory"))
