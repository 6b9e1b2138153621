"""Build panels as objects of wandb-workspaces, and the specifications that W&B would be sent, without the network.

The only file that uses wandb-workspaces, and its private names `_id` and `_to_model`.
"""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from bows.analysis.catalog import metric
from bows.errors import SettingError
from bows.tracking import STEP
from bows.tracking.dashboard.panels import Panel, Section

NAME = "bows"
OPEN = 2  # sections that are open at first: W&B loads open sections
MOST_RUNS = 20  # lines per chart
# Width and height of panels that need more than a third of a report's grid, which is 24 wide.
WIDE = {"parallel": (24, 9), "table": (24, 12), "images": (24, 10)}
PINNED = ("run:displayName", "run:state")


def check_library() -> None:
    """Raise SettingError where wandb-workspaces is not installed."""
    if find_spec("wandb_workspaces") is None:
        raise SettingError('bows.dashboard needs wandb-workspaces; pip install "bows[dashboard]"')


def _library() -> tuple[Any, Any]:
    """Return the modules of workspaces and of reports."""
    from wandb_workspaces import workspaces  # an optional extra
    from wandb_workspaces.reports import v2

    return workspaces, v2


def workspace(sections: Sequence[Section], entity: str, project: str) -> Any:
    """Return the workspace; the entity may be empty where it is not saved."""
    ws, _ = _library()
    of_sweep = next((panel for section in sections for panel in section.panels if panel.kind == "parallel"), None)
    columns: list[str] = [*PINNED]
    for setting in of_sweep.settings if of_sweep else ():
        first, *rest = setting.split(".")  # W&B keeps its value under the first key
        columns.append(".".join([f"config:{first}", "value", *rest]))
    columns += [f"summary:{name}" for name in of_sweep.names] if of_sweep else []
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


def report(sections: Sequence[Section], entity: str, project: str, saving: bool = False) -> Any:
    """Return the report: the same sections with the meaning of each metric.

    The library looks up the project that a set of runs names, so only a report that will be saved names it there.
    Without a name it is the project of the report.
    """
    _, wr = _library()
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
    about = "Autoencoders of bags of words: what each group of metrics shows."
    return wr.Report(entity=entity, project=project, title=NAME, description=about, blocks=blocks, width="fluid")


def specification(made: Any) -> dict[str, Any]:
    """Return what W&B would be sent for a workspace or a report, as plain mappings."""
    return made._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)


def _panels(section: Section) -> list[Any]:
    made = []
    for panel in section.panels:
        each = _panel(panel)
        each._id = _identity(section.name, panel.title)  # the library's are random: no two files would be equal
        if panel.kind in WIDE:
            width, height = WIDE[panel.kind]
            each.layout = _library()[1].Layout(w=width, h=height)
        made.append(each)
    return made


def _panel(panel: Panel) -> Any:
    _, wr = _library()
    title, names = panel.title, list(panel.names)
    if panel.kind == "line":
        regex = panel.pattern or None
        return wr.LinePlot(title=title, x=STEP, y=names, metric_regex=regex, title_x="optimizer step")
    if panel.kind == "bar":
        return wr.BarPlot(title=title, metrics=names, max_runs_to_show=MOST_RUNS)
    if panel.kind == "scatter":
        return wr.ScatterPlot(title=title, x=wr.Config(panel.settings[0]), y=wr.SummaryMetric(names[0]))
    if panel.kind == "spread":
        by = {"groupby": wr.Config(panel.settings[0]), "groupby_aggfunc": "mean", "groupby_rangefunc": "stderr"}
        return wr.BarPlot(title=title, metrics=names, **by)
    if panel.kind == "parallel":
        axes = [*map(wr.Config, panel.settings), *map(wr.SummaryMetric, names)]
        columns = [wr.ParallelCoordinatesPlotColumn(metric=axis) for axis in axes]
        return wr.ParallelCoordinatesPlot(title=title, columns=columns)
    if panel.kind == "table":
        return wr.WeavePanelSummaryTable(table_name=names[0])
    return wr.MediaBrowser(title=title, media_keys=names)


def _identity(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:11]
