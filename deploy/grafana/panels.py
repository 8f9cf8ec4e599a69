"""The kinds of panels, each with what all of its kind have in common.

A panel says in its description what it shows and when to worry; its numbers have a unit. How wide and
high it is may be changed by who places it: the grid is 24 wide.
"""

from collections.abc import Mapping
from typing import Final, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    stat,
    statetimeline,
    statushistory,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from deploy.grafana.colours import GREEN, GREY, RED, steps
from deploy.grafana.targets import DATASOURCE, Query, cumulative, lettered


class _Panel(Protocol):
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: models.DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def targets(self, targets: list[Builder[AnyQuery]]) -> Self: ...


FILLED: Final = models.DynamicConfigValue(
    "custom.cellOptions", {"type": "color-background", "mode": "basic"}
)
"""For a table's column whose cells are filled with their colour."""

P = TypeVar("P", bound=_Panel)


def tile(title: str, description: str, unit: str, *queries: Query) -> stat.Panel:
    """One number to read from across the room."""
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    panel = (
        stat.Panel()
        .reduce_options(reduced)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .color_mode(kinds.BigValueColorMode.BACKGROUND_SOLID)
        .justify_mode(kinds.BigValueJustifyMode.AUTO)
        .text_mode(kinds.BigValueTextMode.AUTO)
        .orientation(kinds.VizOrientation.AUTO)
        .no_value("no data")
        .thresholds(steps(GREY))
        .color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))
    )
    return _told(panel, title, description, unit, queries).span(4).height(5)


def lines(title: str, description: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Numbers over time."""
    panel = (
        timeseries.Panel()
        .draw_style(kinds.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(8)
        # What happens seldom has a value here and there; a lone point must be seen, too.
        .show_points(kinds.VisibilityMode.AUTO)
        .span_nulls(False)
        .axis_soft_min(0)
        .color_scheme(_colour(models.FieldColorModeId.PALETTE_CLASSIC))
        .legend(_legend(["lastNotNull", "max"]))
        .tooltip(_tooltip())
    )
    return _told(panel, title, description, unit, queries).span(12).height(8)


def stacked(title: str, description: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Parts of a whole over time."""
    stacking = common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A")
    return lines(title, description, unit, *queries).stacking(stacking).fill_opacity(60)


def limited(panel: timeseries.Panel, at: float) -> timeseries.Panel:
    """The panel with a line that should not be crossed."""
    style = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(steps(GREEN, (at, RED))).thresholds_style(style)


def coloured(panel: timeseries.Panel, colours: Mapping[str, str]) -> timeseries.Panel:
    """The panel with a colour of its own for each of these series, by name."""
    for name, colour in colours.items():
        fixed = models.FieldColor(mode=models.FieldColorModeId.FIXED, fixed_color=colour)
        panel.override_by_name(name, [models.DynamicConfigValue("color", fixed)])
    return panel


def heat(title: str, description: str, unit: str, buckets: str) -> heatmap.Panel:
    """How many fell into which bucket, over time; ``buckets`` are Prometheus' cumulative ones."""
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").steps(64)
    panel = (
        heatmap.Panel()
        .calculate(False)
        .color(colour.exponent(0.5).fill("dark-orange"))
        .filter_values(heatmap.FilterValueRange().le(1e-9))  # what is zero stays empty
        .rows_frame(heatmap.RowsHeatmapOptions().layout(kinds.HeatmapCellLayout.AUTO))
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(kinds.AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit("short").decimals(0))
        .show_legend()
        .show_y_histogram()
        .mode(kinds.TooltipDisplayMode.SINGLE)
    )
    return _told(panel, title, description, unit, (cumulative(buckets),)).span(12).height(8)


def timeline(title: str, description: str, unit: str, *queries: Query) -> statetimeline.Panel:
    """What each was, and from when to when."""
    panel = (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(kinds.VisibilityMode.AUTO)
        .row_height(0.8)
        .align_value(kinds.TimelineValueAlignment.LEFT)
        .fill_opacity(80)
        .line_width(0)
        .thresholds(steps(GREY))
        .color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))
        .legend(_legend([]).show_legend(False))
        .tooltip(_tooltip())
    )
    return _told(panel, title, description, unit, queries).span(12).height(8)


def cells(title: str, description: str, unit: str, question: Query) -> statushistory.Panel:
    """A row for each, a cell for each moment; the colour is the value."""
    panel = (
        statushistory.Panel()
        .show_value(kinds.VisibilityMode.NEVER)
        .row_height(0.9)
        .fill_opacity(80)
        .line_width(0)
        .color_scheme(_colour(models.FieldColorModeId.THRESHOLDS))
        .legend(_legend([]).show_legend(False))
        .tooltip(_tooltip())
        .max_data_points(120)  # Grafana draws none at all when there are too many to tell apart
    )
    return _told(panel, title, description, unit, (question,)).span(12).height(8)


def grid(title: str, description: str, unit: str, *columns: Query) -> table.Panel:
    """A row for each label set, with what is known of it now, joined from all ``columns``."""
    panel = (
        table.Panel()
        .show_header(True)
        .cell_height(kinds.TableCellHeight.SM)
        .footer(common.TableFooterOptions().show(False).reducer([]))
        .align(kinds.FieldTextAlignment.AUTO)
        .filterable(True)
        .no_value("–")
        .with_transformation(models.DataTransformerConfig("merge", options={}))
    )
    return _told(panel, title, description, unit, columns).span(24).height(8)


def columned(panel: table.Panel, key: str, names: list[str], label: str) -> table.Panel:
    """The table with ``key`` first and its columns named, which come as ``Value #A`` and so on. Of the
    last one the value says nothing: what it tells is in its ``label``."""
    values = {f"Value #{chr(ord('A') + place)}": name for place, name in enumerate(names)}
    *_, last = values
    organized = {
        "excludeByName": {"Time": True, last: True},
        "indexByName": {name: place for place, name in enumerate([key, *values, label])},
        "renameByName": values | {label: values[last]},
    }
    return panel.with_transformation(models.DataTransformerConfig("organize", options=organized))


def _told(panel: P, title: str, description: str, unit: str, queries: tuple[Query, ...]) -> P:
    found = panel.title(title).description(description).unit(unit)
    return found.datasource(DATASOURCE).targets(lettered(queries))


def _colour(mode: models.FieldColorModeId) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(mode)


def _legend(calcs: list[str]) -> common.VizLegendOptions:
    found = common.VizLegendOptions().placement(kinds.LegendPlacement.BOTTOM).show_legend(True)
    return found.display_mode(kinds.LegendDisplayMode.LIST).calcs(calcs)


def _tooltip() -> common.VizTooltipOptions:
    found = common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI)
    return found.sort(kinds.SortOrder.DESCENDING)
