"""One self-contained page about a sweep: how its runs ended, phase diagrams, and the table of runs."""

from collections import Counter
from itertools import groupby
from pathlib import Path

from bows.collect import save
from bows.figures.scales import shown
from bows.page import embedded, render
from bows.runs import write_whole
from bows.sweep.collect_jobs import find_jobs
from bows.sweep.collecting import STATES, dials, over_seeds, repeats, tabulate
from bows.sweep_figures import draw

# Columns of the table of runs beside the dials; the others are in results.csv.
SHOWN = ("reconstruction/r2", "interference/gap", "interference/filtered", "run_seconds")


def write_sweep_report(folder: Path | str, metrics: list[str] | None = None) -> Path:
    """Write report.html, figures/ and the tables of `bows.collect` into a sweep folder.

    Args:
        folder: a sweep, or a folder of runs or sweeps.
        metrics: drawn; None for a handful.

    Returns:
        The page's path.

    Raises:
        SettingError: for a folder in which no job lies, or a metric that no completed run has.
        DataError: where the sweep's list of jobs is damaged.
    """
    folder = Path(folder)
    jobs = find_jobs([folder])
    table = tabulate(jobs, folder)
    figures, notes = draw(folder, jobs, table, metrics)
    save(table, folder / "results")
    save(over_seeds(table), folder / "summary")
    states = Counter(table.column("state").to_pylist())
    varied = dials(table)
    columns = ["run", "state", *varied, *(name for name in SHOWN if name in table.column_names)]
    rows = table.select(list(dict.fromkeys([*columns, "error"]))).to_pylist()
    corpora = {corpus for corpus in table.column("corpus").to_pylist() if corpus}
    kinds = Counter(corpus.rpartition("-")[0] for corpus in sorted(corpora))
    page = render(
        _PAGE,
        name=folder.resolve().name,
        states=[(state, states[state]) for state in STATES if states[state]],
        count=len(rows),
        dials=[(name, ", ".join(map(shown, values))) for name, values in varied.items()],
        repeats=repeats(table),
        corpora=len(corpora),
        kinds=", ".join(f"{count} of {name}" for name, count in kinds.items()),
        problems=[row for row in rows if row["error"] or row["state"] in ("missing", "damaged")],
        notes=notes,
        sections=[
            (kind, [(each.caption, each.picture.stem, embedded(each.picture)) for each in group])
            for kind, group in groupby(figures, key=lambda each: each.kind)
        ],
        columns=columns,
        rows=[[row[name] for name in columns] for row in rows],
    )
    write_whole(folder / "report.html", page)
    return folder / "report.html"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ name }} – bows</title>
<style>
{{ style }}
figure.wide img { width: auto; max-height: 90vh; }
</style>
</head>
<body>
<header>
<h1>Sweep {{ name }}</h1>
<nav aria-label="Parts of this page"><a href="#runs">Runs</a> <a href="#figures">Figures</a> <a href="#table">Table</a></nav>
</header>
<main>
<h2 id="runs">Runs</h2>
<p>{{ count | number }} runs:
{% for state, number in states %}<strong class="{{ state }}">{{ number }} {{ state }}</strong>{{ ", " if not loop.last }}{% endfor %}</p>
{% if dials %}<table id="about"><tbody>
{% for dial, values in dials %}
<tr><th scope="row">{{ dial }}</th><td>{{ values }}</td></tr>
{% endfor %}
</tbody></table>{% else %}<p>Nothing was varied.</p>{% endif %}
{% if repeats %}<p class="soft">{{ repeats }} runs repeat another’s setting, seed and corpus; the latest of them counts.</p>{% endif %}
{% if corpora > 1 %}<p class="soft">Runs of different corpora stand in one table: {{ kinds }}; the column corpus of results.csv tells them
apart.</p>
{% endif %}
{% if problems %}
<h2>Jobs that failed, are missing or say so</h2>
<table><thead><tr><th scope="col">run</th><th scope="col">state</th><th scope="col">why</th></tr></thead><tbody>
{% for row in problems %}
<tr><td>{{ row.run }}</td><td class="{{ row.state }}">{{ row.state }}</td><td>{{ row.error or "" }}</td></tr>
{% endfor %}
</tbody></table>{% endif %}

<h2 id="figures">Figures</h2>
{% for note in notes %}<p class="soft">{{ note }}</p>{% endfor %}
{% for kind, figures in sections %}
<h3>{{ kind }}</h3>
{% for caption, stem, data in figures %}
<figure class="wide"><img alt="{{ caption }}" src="data:image/png;base64,{{ data }}">
<figcaption class="soft">{{ caption }} – figures/{{ stem }}.pdf, .parquet</figcaption></figure>
{% endfor %}
{% endfor %}

<h2 id="table">Table</h2>
<p class="soft">Every metric is in results.csv and results.parquet; means over seeds are in summary.csv and summary.parquet.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of runs"><table><thead><tr>
{% for column in columns %}<th scope="col">{{ column }}</th>{% endfor %}</tr></thead><tbody>
{% for row in rows %}
<tr>{% for cell in row %}{% if cell is number %}<td class="number">{{ cell | number }}</td>
{%- else %}<td>{{ cell | number }}</td>{% endif %}{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
</main>
</body>
</html>
"""
