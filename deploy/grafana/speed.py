"""The panels about speed: from append until a replica has it, and until every member has."""

from grafana_foundation_sdk.builders import heatmap, statushistory, timeseries

from deploy.grafana.board import remedies
from deploy.grafana.colours import GREEN, ORANGE, RED, YELLOW, steps
from deploy.grafana.objectives import PROPAGATION_SECONDS
from deploy.grafana.panels import cells, heat, limited, lines
from deploy.grafana.queries import ADMIN, SHOWN, buckets, quantile
from deploy.grafana.targets import query

LAG = "promptcast_reload_lag_seconds"
PROPAGATION = "promptcast_propagation_seconds"


def propagation() -> timeseries.Panel:
    """From append to the last member's report."""
    asked = (query(quantile(q, PROPAGATION, ADMIN), f"p{q * 100:g}") for q in (0.5, 0.99))
    panel = lines(
        "Propagation: until every member has it",
        "From append to the last member's report. The dashed line is the objective. Worry when p99 "
        "stays above it: look below for the member that is slow. Without saves there is no value.",
        "s",
        *asked,
    )
    return limited(panel, PROPAGATION_SECONDS).links(remedies("PromptcastPropagationSlow"))


def reload_lag() -> timeseries.Panel:
    """From append to applied, at each replica by itself."""
    asked = (query(quantile(q, LAG, SHOWN), f"p{q * 100:g}") for q in (0.5, 0.99))
    panel = lines(
        "Reload lag: until a replica has it",
        "From append to the swap at a replica, in the server's time, over the replicas picked. "
        "Worry when p99 parts from p50: some replicas are slower than others.",
        "s",
        *asked,
    )
    return limited(panel, PROPAGATION_SECONDS).links(remedies("PromptcastPropagationSlow"))


def every() -> heatmap.Panel:
    """All reloads, by how long they took."""
    return heat(
        "Reload lag, every reload",
        "How many reloads took how long. One band at a few milliseconds is well. Worry about a "
        "second band above it: a replica that hangs, pauses or has a slow way to Redis.",
        "s",
        buckets(LAG, SHOWN),
    )


def by_replica() -> statushistory.Panel:
    """The worst reloads of each replica."""
    return (
        cells(
            "Reload lag p99 of each replica",
            "A row for each replica; the colour is its p99. Worry about a row that is not green "
            "while the others are: that replica; about a column: the server, or its network.",
            "s",
            query(quantile(0.99, LAG, SHOWN, "replica"), "{{replica}}"),
        )
        .thresholds(
            steps(GREEN, (PROPAGATION_SECONDS / 5, YELLOW), (PROPAGATION_SECONDS, ORANGE), (5, RED))
        )
        .links(remedies("PromptcastPropagationSlow"))
    )
