"""Questions to Prometheus, as panels ask them."""

from typing import Final, TypeAlias

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
"""Which Prometheus is asked: the one picked at the top of the dashboard."""
Query: TypeAlias = Dataquery


def query(expr: str, legend: str = "__auto") -> Query:
    """A question over the time shown; ``legend`` names each series, ``{{label}}`` filled in."""
    return Dataquery().expr(expr).range().legend_format(legend)


def now(expr: str, legend: str = "__auto") -> Query:
    """A question about the end of the time shown."""
    return Dataquery().expr(expr).instant().legend_format(legend)


def column(expr: str) -> Query:
    """A question about the end of the time shown, whose answer is a table's column."""
    return now(expr).format(PromQueryFormat.TABLE)


def cumulative(expr: str) -> Query:
    """A question for a histogram's buckets, as a heatmap takes them."""
    return query(expr, "{{le}}").format(PromQueryFormat.HEATMAP)


def lettered(queries: tuple[Query, ...]) -> list[Builder[AnyQuery]]:
    """The questions of one panel, named A, B, C …, each of the dashboard's Prometheus."""
    return [
        each.ref_id(chr(ord("A") + index)).datasource(DATASOURCE)
        for index, each in enumerate(queries)
    ]
