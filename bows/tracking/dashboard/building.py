"""Panels as the objects of wandb-workspaces, and those as the text that W&B would be sent. Nothing here asks the network."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bows.analysis.catalog import meaning
from bows.errors import SettingError
from bows.tracking.dashboard.logged import STEP
from bows.tracking.dashboard.panels import Panel, Section

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2 import Report
    from wandb_workspaces.workspaces import Workspace

NAME = "bows"
OPEN = 2  # sections that are open at first: W&B loads what is open
MOST_RUNS = 20  # lines a chart
# Of a report's grid, which is 24 wide: panels that need more room than a third of it.
WIDE = {"parallel": (24, 9), "table": (24, 12), "images": (24, 10)}
PINNED = ("run:displayName", "run:state")


def check_library() -> None:
    """Raises SettingError where wandb-workspaces is not installed."""
    from importlib.util import find_spec

    if find_spec("wandb_workspaces") is None:
        raise SettingError('bows.dashboard needs wandb-workspaces; pip install "bows[dashboard]"')


def workspace(sections: Sequence[Section], entity: str, project: str) -> "Workspace":
    """The workspace; an entity may be empty as long as it is not saved."""
    from wandb_workspaces import workspaces as ws

    of_sweep = next((panel for section in sections for panel in section.panels if panel.kind == "parallel"), None)
    columns: list[str] = [*PINNED]
    if of_sweep:
        columns += [_column(dial) for dial in of_sweep.dials] + [f"summary:{name}" for name in of_sweep.names]
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
    """The report: the same sections with what each metric says. The library looks the project of a set of runs up, so that only a report
    that is to be saved names it there; without a name it is the report's own."""
    from wandb_workspaces.reports import v2 as wr

    blocks: list[Any] = [wr.TableOfContents()]
    for section in sections:
        blocks += [wr.H2(section.name), wr.P(section.about)]
        names = dict.fromkeys(name for panel in section.panels for name in panel.names)
        said: list[Any] = [f"{name}: {phrase}" for name in names if (phrase := meaning(name))]
        if said and section.name != "sweep":  # there each would stand a second time
            blocks.append(wr.UnorderedList(items=said))
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
    """What W&B would be sent, as plain mappings."""
    return made._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)


def _panels(section: Section) -> list[Any]:
    from wandb_workspaces.reports import v2 as wr

    made = []
    for panel in section.panels:
        each = _panel(panel)
        each._id = _identity(section.name, panel.title)  # the library's are random, and two files would never be alike
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
        return wr.ScatterPlot(title=panel.title, x=wr.Config(panel.dials[0]), y=wr.SummaryMetric(panel.names[0]))
    if panel.kind == "spread":
        return wr.BarPlot(
            title=panel.title,
            metrics=list(panel.names),
            groupby=wr.Config(panel.dials[0]),
            groupby_aggfunc="mean",
            groupby_rangefunc="stderr",
        )
    if panel.kind == "parallel":
        axes = [wr.Config(dial) for dial in panel.dials] + [wr.SummaryMetric(name) for name in panel.names]
        return wr.ParallelCoordinatesPlot(
            title=panel.title, columns=[wr.ParallelCoordinatesPlotColumn(metric=axis) for axis in axes]
        )
    if panel.kind == "table":
        return wr.WeavePanelSummaryTable(table_name=panel.names[0])
    return wr.MediaBrowser(title=panel.title, media_keys=list(panel.names))


def _column(dial: str) -> str:
    """A dial's column in the table of runs: W&B keeps a setting's value under its first key."""
    first, *rest = dial.split(".")
    return ".".join([f"config:{first}", "value", *rest])


def _identity(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:11]
