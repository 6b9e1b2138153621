"""Figures of a sweep: metrics against each varied setting, heat maps over two, the regime map."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.analysis.catalog import metric
from bows.figures.metric_by_setting import metrics_against_setting
from bows.figures.phase_diagrams import regime_map, setting_heat_map
from bows.figures.scales import label, seeds_of
from bows.reports.sweep_drawing import Drawing, sentence, stem
from bows.reports.sweep_layout import DECAY, SHARES, SIZE, Dials, Setting, few_settings, left_out, lines_and_figures
from bows.runs.folder import RunFolder

MOST_PANELS = 8  # of a heat map or a regime map


def dial_figures(summary: pa.Table, varied: Dials, chosen: dict[str, list[str]]) -> Iterator[Drawing]:
    """Draw the chosen metrics against each setting that varies."""
    for name, values in varied.items():
        lines, settings, note = lines_and_figures({key: each for key, each in varied.items() if key != name})
        for part, drawn in chosen.items():
            for setting in settings:
                rows = of_setting(summary, setting, {name: values, **lines}, drawn)
                if not len(rows):
                    continue
                figure = metrics_against_setting(rows, {name: values}, drawn, lines, _title(name, setting))
                caption = sentence(f"Against {name}", setting, note)
                yield Drawing(stem("dial", name, part, *setting.values()), figure, rows, f"Against {name}", caption)


def heat_maps(
    summary: pa.Table, varied: Dials, pairs: Sequence[tuple[str, str]], chosen: dict[str, list[str]], asked: bool
) -> Iterator[Drawing]:
    """Yield a heat map per pair of settings and metric, a panel per value of the others; shares of regimes only where asked for."""
    for across, down in pairs:
        settings, left = few_settings(
            {each: varied[each] for each in varied if each not in (across, down)}, MOST_PANELS
        )
        note = left_out(varied, {**varied, **left})
        for name in itertools.chain.from_iterable(chosen.values()):
            if name in SHARES and not asked:
                continue  # the regime map has them all
            panels, kept = [], []
            for setting in settings:
                rows = of_setting(summary, setting, {}, [name])
                if len(rows):
                    kept.append(rows)
                    means, counts = (_matrix(rows, across, down, varied, each) for each in ("mean", "count"))
                    panels.append((label(setting), means, np.nan_to_num(counts)))
            if not panels:
                continue
            figure = setting_heat_map(panels, (across, varied[across]), (down, varied[down]), name)
            text = f"{name}: {row.meaning}" if (row := metric(name)).meaning else name
            table, kind = pa.concat_tables(kept), f"{across} and {down}"
            yield Drawing(stem("map", across, down, name), figure, table, kind, sentence(text, {}, note))


def regime_maps(summary: pa.Table, varied: Dials, jobs: Sequence[RunFolder]) -> Iterator[Drawing]:
    """Draw maps of the regimes over latent sizes and weight decays."""
    across = next((name for name in SIZE if name in varied), None)
    down = next((name for name in DECAY if name in varied), None)
    if not (across or down):
        return
    # A setting that does not vary is a row, or a column, without a name.
    axes = {name: varied[name] for name in (across, down) if name}
    settings, left = few_settings({name: values for name, values in varied.items() if name not in axes}, MOST_PANELS)
    panels, kept = [], []
    for setting in settings:
        rows = of_setting(summary, setting, {}, list(SHARES))
        if len(rows):
            kept.append(rows)
            shares = {
                name.removeprefix("regime/"): _matrix(of_setting(rows, {}, {}, [name]), across, down, varied, "mean")
                for name in SHARES
            }
            panels.append((label(setting), shares))
    if not panels:
        return
    rows = pa.concat_tables(kept)
    counts = rows.column("count").to_pylist()
    thresholds = f"{regime_thresholds(jobs)}. Shares of the words, mean over {seeds_of(counts)}."
    figure = regime_map(
        panels,
        (across or "", varied[across] if across else [""]),
        (down or "", varied[down] if down else [""]),
        thresholds,
        "The regime with the most words",
    )
    caption = sentence("regime with the most words, and all shares", {}, left_out(varied, {**varied, **left}))
    yield Drawing("regime_map", figure, rows, "Regimes", caption)


def regime_thresholds(jobs: Sequence[RunFolder]) -> str:
    """Return the thresholds of the regimes in the completed runs; all of them where they differ."""
    from bows.analysis.regime import Thresholds  # with torch, which most reports do not need

    found = []
    for job in jobs:
        given = job.group("analysis").get("regimes")
        measured = job.state == "completed" and any(name in job.summary for name in SHARES)
        if measured and isinstance(given, dict) and set(given) == {field.name for field in fields(Thresholds)}:
            found.append(str(Thresholds(**{name: float(value) for name, value in given.items()})))
    different = list(dict.fromkeys(found))
    if len(different) > 1:
        return "Thresholds differ between runs: " + " / ".join(different)
    return different[0] if different else "thresholds are not stored with these runs"


def _title(name: str, setting: Setting) -> str:
    return f"Against {name}{': ' + label(setting) if setting else ''}"


def of_setting(summary: pa.Table, setting: Setting, among: Dials, drawn: Sequence[str]) -> pa.Table:
    """Return the rows of the summary at one setting, with these values of other settings and these metrics."""
    wanted = {"metric": list(drawn), **{name: [value] for name, value in setting.items()}, **among}
    for name, values in wanted.items():
        summary = summary.filter(
            pc.is_in(summary.column(name), value_set=pa.array(values, summary.schema.field(name).type))
        )
    return summary


def _matrix(rows: pa.Table, across: str | None, down: str | None, varied: Dials, column: str) -> np.ndarray:
    """Return (values of down, values of across) of a column, NaN where no row has them; size 1 for a setting that is None."""
    places = [
        {None: 0} if name is None else {value: place for place, value in enumerate(varied[name])}
        for name in (down, across)
    ]
    matrix = np.full([len(each) for each in places], np.nan)
    for row in rows.to_pylist():
        row_of, column_of = (
            each[None if name is None else row[name]] for each, name in zip(places, (down, across), strict=True)
        )
        matrix[row_of, column_of] = row[column]
    return matrix
