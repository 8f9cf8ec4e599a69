"""The panels about the replicas' processes, and about who was turned away at their door."""

from grafana_foundation_sdk.builders import stat, timeseries

from deploy.grafana.board import remedies
from deploy.grafana.colours import GREEN, RED, steps
from deploy.grafana.panels import limited, lines, tile
from deploy.grafana.queries import SHOWN, or_zero, per_second
from deploy.grafana.targets import now, query


def up() -> stat.Panel:
    """How many replicas answer Prometheus."""
    return (
        tile(
            "Replicas that do not answer",
            "Replicas whose metrics could not be scraped: gone, hanging or cut off. Worry about "
            "any that nobody's rollout explains; the load balancer should have taken it out.",
            "suffix:replicas",
            now(f"count(up{{{SHOWN}}}) - sum(up{{{SHOWN}}})", "do not answer"),
        )
        .thresholds(steps(GREEN, (1, RED)))
        .no_value("no replica is known")
        .links(remedies("PromptcastTargetDown", "PromptcastNoReplica"))
    )


def refused() -> timeseries.Panel:
    """Connections that were closed unanswered."""
    return lines(
        "Connections refused",
        "Connections closed unanswered: address (one address has too many: raise "
        "PROMPTCAST_CONNECTIONS_PER_ADDRESS above the load balancer's pool), header_deadline, "
        "header_size, malformed, stalled (does not read its answer). Worry about address.",
        "cps",
        query(
            or_zero(per_second("promptcast_connections_refused_total", SHOWN, "reason")),
            "refused: {{reason}}",
        ),
    )


def cpu() -> timeseries.Panel:
    """How busy each replica's processor is."""
    panel = lines(
        "Processor",
        "Of one processor, how much each replica takes; it is one event loop and can take one. "
        "Worry above 80 %: requests begin to wait. Add replicas.",
        "percentunit",
        query(per_second("process_cpu_seconds_total", SHOWN, "replica"), "{{replica}}"),
    )
    return limited(panel, 0.8)


def memory() -> timeseries.Panel:
    """How much memory each replica takes."""
    return lines(
        "Memory",
        "Resident memory of each replica. It is flat, however many versions there were: a replica "
        "holds the live ones only. Worry when it grows for hours.",
        "bytes",
        query(f"max by (replica) (process_resident_memory_bytes{{{SHOWN}}})", "{{replica}}"),
    )


def files() -> timeseries.Panel:
    """How many of its file descriptors each replica has in use."""
    panel = lines(
        "File descriptors in use",
        "Of the descriptors that each replica may have, how many are open: connections, mostly. "
        "Worry above 80 %: then nobody can connect any more.",
        "percentunit",
        query(
            f"max by (replica) (process_open_fds{{{SHOWN}}} / process_max_fds{{{SHOWN}}})",
            "{{replica}}",
        ),
    )
    return limited(panel, 0.8)
