"""Writes presence.json beside it, the dashboard: `.venv/bin/python -m deploy.grafana.dashboard`.

Change the dashboard in panels.py, not in Grafana: a test compares the file with what this gives.
"""

import json
from itertools import count
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.panels import FIGURES, INTERVAL, ROWS, Figure, Graph, Queries, of

FILE: Final = Path(__file__).with_name("presence.json")
SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")


def build() -> model.Dashboard:
    """The dashboard."""
    page = (
        dashboard.Dashboard("Presence server")
        .uid("presence-server")
        .description("Who is connected, who is refused, and how fast it is.")
        .tags(["presence-server"])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("10s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .annotation(_restarts())
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Source").type("prometheus")
        )
        .with_variable(_variable("job", "label_values(presence_build_info, job)"))
        .with_variable(
            _variable("instance", 'label_values(presence_build_info{job=~"$job"}, instance)')
        )
    )
    ids = count(1)
    for figure in FIGURES:
        page.with_panel(_stat(figure).id(next(ids)))
    for title, graphs in ROWS.items():
        page.with_row(dashboard.Row(title).id(next(ids)))
        for graph in graphs:
            page.with_panel(_lines(graph).id(next(ids)))
    return page.build()


def _variable(name: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _restarts() -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name("Restarts")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("purple")
        .expr(f"changes({of('process_start_time_seconds')}[{INTERVAL}]) > 0")
    )


def _queries(queries: Queries) -> list[Builder[Dataquery]]:
    return [
        prometheus.Dataquery().expr(expr).legend_format(legend).range().ref_id(chr(ord("A") + n))
        for n, (legend, expr) in enumerate(queries.items())
    ]


def _stat(figure: Figure) -> stat.Panel:
    steps = [model.Threshold(value=value, color=color) for value, color in figure.thresholds]
    base = "green" if steps else "text"
    return (
        stat.Panel()
        .title(figure.title)
        .description(figure.says)
        .datasource(SOURCE)
        .unit(figure.unit)
        .span(3)
        .height(4)
        .targets(_queries({figure.title: figure.query}))
        .mappings([*figure.mappings])
        .thresholds(
            dashboard.ThresholdsConfig()
            .mode(model.ThresholdsMode.ABSOLUTE)
            .steps([model.Threshold(color=base), *steps])
        )
        .reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.AREA)
    )


def _lines(graph: Graph) -> timeseries.Panel:
    legend = options.VizLegendOptions().show_legend(True)
    if graph.ranked:
        legend.display_mode(common.LegendDisplayMode.TABLE)
        legend.placement(common.LegendPlacement.RIGHT).calcs(["max"])
        legend.sort_by("Max").sort_desc(True)
    else:
        legend.display_mode(common.LegendDisplayMode.LIST)
        legend.placement(common.LegendPlacement.BOTTOM)
    return (
        timeseries.Panel()
        .title(graph.title)
        .description(graph.says)
        .datasource(SOURCE)
        .unit(graph.unit)
        .min(0)
        .span(graph.width)
        .height(8)
        .targets(_queries(graph.queries))
        .legend(legend)
        .tooltip(
            options.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
        .fill_opacity(10)
        .show_points(common.VisibilityMode.NEVER)
    )


def as_json() -> str:
    """The dashboard as the file has it."""
    return json.dumps(build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_json())
