"""Figures of a sweep: metrics against each varied setting, heat maps over two, the regime map."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.analysis.catalog import metric
from bows.analysis.regime import Thresholds
from bows.figures.metric_by_setting import metrics_against_setting
from bows.figures.phase_diagrams import regime_map, setting_heat_map
from bows.figures.scales import label, seeds_of
from bows.reports.sweep_drawing import Drawing, sentence, stem
from bows.reports.sweep_layout import DECAY, SHARES, SIZE, Setting, Varied, few_settings, left_out, lines_and_figures
from bows.runs.folder import RunFolder

MOST_PANELS = 8  # of a heat map or a regime map


def setting_figures(summary: pa.Table, varied: Varied, chosen: dict[str, list[str]]) -> Iterator[Drawing]:
    """Draw the chosen metrics against each setting that varies."""
    for name, values in varied.items():
        lines, settings, note = lines_and_figures({key: each for key, each in varied.items() if key != name})
        for part, drawn in chosen.items():
            for setting in settings:
                rows = of_setting(summary, setting, {name: values, **lines}, drawn)
                if not len(rows):
                    continue
                kind = f"Against {name}"
                title = f"{kind}: {label(setting)}" if setting else kind
                figure = metrics_against_setting(rows, {name: values}, drawn, lines, title)
                file = stem("dial", name, part, *setting.values())  # the names of files in older sweep folders
                yield Drawing(file, figure, rows, kind, sentence(kind, setting, note))


def heat_maps(
    summary: pa.Table, varied: Varied, pairs: Sequence[tuple[str, str]], chosen: dict[str, list[str]], asked: bool
) -> Iterator[Drawing]:
    """Yield a heat map per pair of settings and metric, a panel per value of the others; shares of regimes only where asked for."""
    for across, down in pairs:
        settings, left = few_settings({key: varied[key] for key in varied if key not in (across, down)}, MOST_PANELS)
        note = left_out(varied, {**varied, **left})
        for name in itertools.chain.from_iterable(chosen.values()):
            if name in SHARES and not asked:
                continue  # the regime map has them all
            kept = [(each, rows) for each in settings if len(rows := of_setting(summary, each, {}, [name]))]
            if not kept:
                continue
            panels = []
            for setting, rows in kept:
                means, counts = (_matrix(rows, across, down, varied, each) for each in ("mean", "count"))
                panels.append((label(setting), means, np.nan_to_num(counts)))
            figure = setting_heat_map(panels, (across, varied[across]), (down, varied[down]), name)
            text = f"{name}: {row.meaning}" if (row := metric(name)).meaning else name
            table = pa.concat_tables([rows for _, rows in kept])
            file, kind = stem("map", across, down, name), f"{across} and {down}"
            yield Drawing(file, figure, table, kind, sentence(text, {}, note))


def regime_maps(summary: pa.Table, varied: Varied, jobs: Sequence[RunFolder]) -> Iterator[Drawing]:
    """Draw a map of the regimes over latent sizes and weight decays."""
    across, down = (next((name for name in names if name in varied), None) for names in (SIZE, DECAY))
    if not (across or down):
        return
    settings, left = few_settings({key: varied[key] for key in varied if key not in (across, down)}, MOST_PANELS)
    kept = [(setting, rows) for setting in settings if len(rows := of_setting(summary, setting, {}, SHARES))]
    if not kept:
        return
    panels = []
    for setting, rows in kept:
        shares = {name: _matrix(of_setting(rows, {}, {}, [name]), across, down, varied, "mean") for name in SHARES}
        panels.append((label(setting), {name.removeprefix("regime/"): share for name, share in shares.items()}))
    table = pa.concat_tables([rows for _, rows in kept])
    seeds = seeds_of(table.column("count").to_pylist())
    # A setting that does not vary is a row, or a column, without a name.
    of_columns, of_rows = ((name, varied[name]) if name else ("", [""]) for name in (across, down))
    below = f"{regime_thresholds(jobs)}. Shares of the words, mean over {seeds}."
    figure = regime_map(panels, of_columns, of_rows, below, "The regime with the most words")
    caption = sentence("regime with the most words, and all shares", {}, left_out(varied, {**varied, **left}))
    yield Drawing("regime_map", figure, table, "Regimes", caption)


def regime_thresholds(jobs: Sequence[RunFolder]) -> str:
    """Return the thresholds of the regimes in the completed runs; all of them where they differ."""
    found: dict[str, None] = {}
    for job in jobs:
        given = job.group("analysis").get("regimes")
        measured = job.state == "completed" and any(name in job.summary for name in SHARES)
        given = {"gap": 0.0, **given} if isinstance(given, dict) else {}  # earlier versions: above 0
        if measured and set(given) == {field.name for field in fields(Thresholds)}:
            found[str(Thresholds(**{name: float(value) for name, value in given.items()}))] = None
    if len(found) > 1:
        return "Thresholds differ between runs: " + " / ".join(found)
    return next(iter(found), "thresholds are not stored with these runs")


def of_setting(summary: pa.Table, setting: Setting, among: Varied, drawn: Sequence[str]) -> pa.Table:
    """Return the rows of the summary at one setting, with these values of other settings and these metrics."""
    wanted = {"metric": list(drawn), **{name: [value] for name, value in setting.items()}, **among}
    for name, values in wanted.items():
        kind = summary.schema.field(name).type
        summary = summary.filter(pc.is_in(summary.column(name), value_set=pa.array(values, kind)))
    return summary


def _matrix(rows: pa.Table, across: str | None, down: str | None, varied: Varied, column: str) -> np.ndarray:
    """Return (values of down, values of across) of a column, NaN where no row has them; size 1 for a setting that is None."""
    values = [[None] if name is None else list(varied[name]) for name in (down, across)]
    matrix = np.full([len(each) for each in values], np.nan)
    for row in rows.to_pylist():
        place = tuple(each.index(row.get(name)) for each, name in zip(values, (down, across), strict=True))
        matrix[place] = row[column]
    return matrix
