"""Build panels as objects of wandb-workspaces, and the specifications that W&B would be sent, without the network.

The only file that uses wandb-workspaces, and its private names `_id` and `_to_model`.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bows.analysis.catalog import metric
from bows.errors import SettingError
from bows.tracking import STEP
from bows.tracking.dashboard.panels import Panel, Section

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2 import Report
    from wandb_workspaces.workspaces import Workspace

NAME = "bows"
OPEN = 2  # sections that are open at first: W&B loads open sections
MOST_RUNS = 20  # lines per chart
# Width and height of panels that need more than a third of a report's grid, which is 24 wide.
WIDE = {"parallel": (24, 9), "table": (24, 12), "images": (24, 10)}
PINNED = ("run:displayName", "run:state")


def check_library() -> None:
    """Raise SettingError where wandb-workspaces is not installed."""
    from importlib.util import find_spec

    if find_spec("wandb_workspaces") is None:
        raise SettingError('bows.dashboard needs wandb-workspaces; pip install "bows[dashboard]"')


def workspace(sections: Sequence[Section], entity: str, project: str) -> "Workspace":
    """Return the workspace; the entity may be empty where it is not saved."""
    from wandb_workspaces import workspaces as ws

    of_sweep = next((panel for section in sections for panel in section.panels if panel.kind == "parallel"), None)
    columns: list[str] = [*PINNED]
    if of_sweep:
        columns += [_column(setting) for setting in of_sweep.settings] + [f"summary:{name}" for name in of_sweep.names]
    made = [
        ws.Section(name=section.name, panels=_panels(section), is_open=place < OPEN)
        for place, section in enumerate(sections)
    ]
    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=made,
        settings=ws.WorkspaceSettings(x_axis=STEP, max_runs=MOST_RUNS),
        runset_settings=ws.RunsetSettings(pinned_columns=columns),
    )


def report(sections: Sequence[Section], entity: str, project: str, saving: bool = False) -> "Report":
    """Return the report: the same sections with the meaning of each metric.

    The library looks up the project that a set of runs names, so only a report that will be saved names it there.
    Without a name it is the project of the report.
    """
    from wandb_workspaces.reports import v2 as wr

    blocks: list[Any] = [wr.TableOfContents()]
    for section in sections:
        blocks += [wr.H2(section.name), wr.P(section.about)]
        names = dict.fromkeys(name for panel in section.panels for name in panel.names)
        phrases: list[Any] = [f"{name}: {phrase}" for name in names if (phrase := metric(name).meaning)]
        if phrases and section.name != "Sweep":  # its metrics are described in their own sections
            blocks.append(wr.UnorderedList(items=phrases))
        runs = wr.Runset(entity=entity, project=project) if saving else wr.Runset()
        runs._id = _identity(section.name, "runs")
        blocks.append(wr.PanelGrid(runsets=[runs], panels=_panels(section)))
    return wr.Report(
        entity=entity,
        project=project,
        title=NAME,
        description="Autoencoders of bags of words: what each group of metrics shows.",
        blocks=blocks,
        width="fluid",
    )


def specification(made: "Workspace | Report") -> dict[str, Any]:
    """Return what W&B would be sent, as plain mappings."""
    return made._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)


def _panels(section: Section) -> list[Any]:
    from wandb_workspaces.reports import v2 as wr

    made = []
    for panel in section.panels:
        each = _panel(panel)
        each._id = _identity(section.name, panel.title)  # the library's are random: no two files would be equal
        if panel.kind in WIDE:
            width, height = WIDE[panel.kind]
            each.layout = wr.Layout(w=width, h=height)
        made.append(each)
    return made


def _panel(panel: Panel) -> Any:
    from wandb_workspaces.reports import v2 as wr

    if panel.kind == "line":
        return wr.LinePlot(
            title=panel.title, x=STEP, y=list(panel.names), metric_regex=panel.pattern or None, title_x="optimizer step"
        )
    if panel.kind == "bar":
        return wr.BarPlot(title=panel.title, metrics=list(panel.names), max_runs_to_show=MOST_RUNS)
    if panel.kind == "scatter":
        return wr.ScatterPlot(title=panel.title, x=wr.Config(panel.settings[0]), y=wr.SummaryMetric(panel.names[0]))
    if panel.kind == "spread":
        return wr.BarPlot(
            title=panel.title,
            metrics=list(panel.names),
            groupby=wr.Config(panel.settings[0]),
            groupby_aggfunc="mean",
            groupby_rangefunc="stderr",
        )
    if panel.kind == "parallel":
        axes = [wr.Config(setting) for setting in panel.settings] + [wr.SummaryMetric(name) for name in panel.names]
        return wr.ParallelCoordinatesPlot(
            title=panel.title, columns=[wr.ParallelCoordinatesPlotColumn(metric=axis) for axis in axes]
        )
    if panel.kind == "table":
        return wr.WeavePanelSummaryTable(table_name=panel.names[0])
    return wr.MediaBrowser(title=panel.title, media_keys=list(panel.names))


def _column(setting: str) -> str:
    """Return a setting's column in the table of runs: W&B keeps its value under the first key."""
    first, *rest = setting.split(".")
    return ".".join([f"config:{first}", "value", *rest])


def _identity(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:11]
