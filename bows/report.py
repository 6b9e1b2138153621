"""One self-contained page about a run: ``python -m bows.report <run folder>`` writes ``report.html`` into it.

A sweep's page, of the same command, is in ``bows/sweep_report.py``.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from bows.errors import BowsError, SettingError
from bows.page import embedded, render
from bows.runs import write_whole

ROWS = 50  # of the word table; the whole of it is in words.parquet

MEANINGS = {
    "reconstruction/loss": "mean squared error a cell, on held-out windows; 0 is perfect",
    "reconstruction/r2": "share of the words' held-out variance rebuilt; 1 is perfect, 0 no better than frequencies",
    "reconstruction/r2_linear": "the same by the best linear read-out of the latent",
    "reconstruction/relu_gain": "R² less that of the linear read-out: what the output activation adds",
    "reconstruction/r2_one_hot": "R² over the bags that hold one word each: what a word says of itself",
    "reconstruction/false_positive_rate": "how often an absent word is named, mean over words",
    "reconstruction/false_negative_rate": "how often a present word is not named, mean over words",
    "interference/gap": "what others add to a word where it is, less where it is not; above 0 they help",
    "interference/rescued": "share of a word's windows where only its context lifts it over 0",
    "interference/filtered": "share of the windows without a word where others push it, but not over 0",
    "interference/words": "words these three rest on: seen both present and absent",
    "interference/constructive_energy": "reinforcing pairs of words, in units of the output's energy",
    "interference/destructive_energy": "cancelling pairs of words, in the same units",
    "alignment/covariance_cosine": "cosine of the words' Gram matrix with their covariance, off the diagonal",
    "alignment/cka": "centred kernel alignment of the two; 1 is the same geometry",
    "alignment/rsa": "rank correlation of the two over pairs of words",
    "alignment/rsa_p": "share of relabelled words with a correlation at least as high",
    "alignment/rsa_p_within_deciles": "the same, relabelled only among words of like frequency",
    "alignment/rsa_words": "words these two rest on",
    "alignment/pca_distance": "distance to the projector on the data's principal directions; 0 is the linear optimum",
    "cluster/words": "words with a category",
    "cluster/categories": "categories with enough words in the vocabulary",
    "cluster/purity": "share of a word's 10 nearest, among those with a category, that have its own",
    "cluster/silhouette": "how much nearer words are to their own category than to the next; -1 to 1",
    "cluster/cooccurrence_ami": "agreement of clusters by direction with clusters by co-occurrence; 0 is chance, 1 the same",
    "regime/absent": "share of words that are not rebuilt",
    "regime/linear": "share of words that a linear read-out rebuilds nearly as well, with others' help",
    "regime/antipodal": "share of words opposite to one other",
    "regime/orthogonal": "share of words that hardly touch any other",
    "regime/mixed": "share of words of none of these kinds",
    "regime/words": "words with a regime",
    "regime/undefined": "words without one: in every held-out window, or in none",
    "capacity/features_per_dimension": "squared norm of all directions, a latent dimension",
    "capacity/dimensionality_mean": "share of a dimension that a word has to itself, on average",
    "capacity/represented_fraction": "share of words whose direction is longer than 1/2",
    "capacity/participation_ratio": "latent dimensions in use, by variance",
    "capacity/effective_rank": "latent dimensions in use, by entropy",
    "capacity/zero_columns": "words with no direction at all",
    "packing/off_diagonal_norm": "total interaction between different words; shrinks with the norms",
    "packing/interference_rms": "typical cosine of two different words; 0 is orthogonal",
    "packing/coherence": "largest cosine, by absolute value, of two different words",
    "packing/welch_ratio": "that over the least possible for so many words; 1 is the best packing",
    "packing/mean_max_cosine": "a word's largest cosine with another, on average",
    "packing/antipodal_fraction": "share of words in opposed pairs",
    "speed/windows_per_second": "training windows a second",
    "speed/seconds": "seconds of training",
    "speed/analysis_seconds": "of these and of the closing look, seconds spent measuring geometry",
    "train/loss": "loss of the last training batch that was recorded",
    "speed/peak_memory_mb": "peak memory, MB",
}
RING_MEANINGS = {
    "order": "how far the set lies in its known cyclic order; 1 is in order",
    "order_p": "share of random orders at least as good",
    "planarity": "share of the set's variance in its best plane",
    "procrustes": "distance to the regular polygon; 0 is exact",
    "circulance": "share of the Gram matrix set by the step around the ring; a strong diagonal alone gives near 1",
}
NULL_MEANINGS = {
    "_null": "the same, mean over labels permuted among words of like frequency",
    "_z": "standard deviations above that",
    "_p": "share of those permutations at least as high",
}


def write_report(run_folder: Path | str) -> Path:
    """Write ``report.html`` from what the run folder holds; whatever is missing or damaged is said in its place.

    Returns:
        The page's path.

    Raises:
        SettingError: if the folder is not a run: it has neither ``status.json`` nor ``.hydra/config.yaml``.
    """
    folder = Path(run_folder)
    if not any((folder / name).is_file() for name in ("status.json", ".hydra/config.yaml")):
        raise SettingError(f"{folder} is not a run folder: it holds neither status.json nor .hydra/config.yaml")
    summary, summary_note = _json(folder / "summary.json")
    status, status_note = _json(folder / "status.json")
    page = render(
        _PAGE,
        name=folder.resolve().name,
        status=status,
        status_note=status_note,
        metrics=[(name, value, meaning(name)) for name, value in summary.items()],
        summary_note=summary_note,
        records=_records(folder / "metrics.csv"),
        figures=[(file.stem, embedded(file)) for file in sorted(folder.glob("figures/*.png"))],
        words=_words(folder / "words.parquet"),
        overrides=_text(folder / ".hydra/overrides.yaml"),
        config=_text(folder / ".hydra/config.yaml"),
    )
    target = folder / "report.html"
    write_whole(target, page)
    return target


def meaning(name: str) -> str:
    """A phrase on what a metric says; empty for one unknown here."""
    if name.startswith("ring/"):
        return RING_MEANINGS.get(name.rpartition("/")[2], "")
    for ending, phrase in NULL_MEANINGS.items():
        if name.startswith("cluster/") and name.endswith(ending):
            return phrase
    return MEANINGS.get(name, "")


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _json(file: Path) -> tuple[dict, str]:
    """The object in a file, and a note on why it is empty."""
    text = _text(file)
    if text is None:
        return {}, f"{file.name} is missing."
    try:
        content = json.loads(text)
    except ValueError:
        return {}, f"{file.name} is damaged: it is not JSON."
    if not isinstance(content, dict):
        return {}, f"{file.name} is damaged: it is not a table of names and values."
    return content, "" if content else f"{file.name} is empty."


def _records(file: Path) -> str:
    text = _text(file)
    if text is None:
        return "metrics.csv is missing."
    rows = list(csv.reader(text.splitlines()))
    if len(rows) < 2:
        return "metrics.csv holds no rows yet."
    return f"Over time: {len(rows) - 1:,} rows of {len(rows[0]):,} columns in metrics.csv."


def _words(file: Path) -> dict:
    """The first rows of the word table and its size, or a note on why there is none."""
    if not file.is_file():
        return {"note": "words.parquet is missing."}
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as table:
            rows = next(table.iter_batches(ROWS), None)
            count, columns = table.metadata.num_rows, table.schema_arrow.names
    except (pa.ArrowException, OSError):
        return {"note": "words.parquet is damaged."}
    cells = [] if rows is None else [list(row.values()) for row in rows.to_pylist()]
    return {"note": "", "count": count, "columns": columns, "rows": cells}


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ name }} – bows</title>
<style>
{{ style }}
</style>
</head>
<body>
<header>
<h1>{{ name }}</h1>
<nav aria-label="Parts of this page"><a href="#run">Run</a> <a href="#numbers">Numbers</a>
<a href="#figures">Figures</a> <a href="#words">Words</a> <a href="#settings">Settings</a></nav>
</header>
<main>
<h2 id="run">Run</h2>
{% if status_note %}<p class="soft">{{ status_note }}</p>{% else %}
<p>State: <strong class="{{ status.get("state") }}">{{ status.get("state") or "not said" }}</strong>
{%- if status.get("error") %}: {{ status.error }}{% endif %}</p>
<table id="about"><tbody>
{% for key, value in status.items() if key not in ("state", "error") %}
<tr><th scope="row">{{ key }}</th><td>
{%- if value is mapping %}{% for part, it in value.items() %}{{ part }} {{ it }}{{ ", " if not loop.last }}{% endfor %}
{%- else %}{{ value | number }}{% endif %}</td></tr>
{% endfor %}
</tbody></table>{% endif %}
<p>Asked for:</p>
{% if overrides is none %}<p class="soft">.hydra/overrides.yaml is missing.</p>
{% elif overrides in ("", "[]") %}<p>nothing beyond the defaults</p>
{% else %}<pre tabindex="0">{{ overrides }}</pre>{% endif %}

<h2 id="numbers">Numbers</h2>
{% if summary_note %}<p class="soft">{{ summary_note }}</p>{% else %}
<table id="metrics"><thead><tr><th scope="col">metric</th><th scope="col" class="number">last value</th>
<th scope="col">what it says</th></tr></thead><tbody>
{% for metric, value, phrase in metrics %}
<tr><td>{{ metric }}</td><td class="number">{{ value | number }}</td><td class="soft">{{ phrase }}</td></tr>
{% endfor %}
</tbody></table>{% endif %}
<p class="soft">{{ records }}</p>

<h2 id="figures">Figures</h2>
{% if figures %}<div class="figures">
{% for stem, data in figures %}
<figure><img alt="{{ stem }}" src="data:image/png;base64,{{ data }}">
<figcaption class="soft">{{ stem }}</figcaption></figure>
{% endfor %}
</div>{% else %}<p class="soft">The folder figures holds no pictures.</p>{% endif %}

<h2 id="words">Words</h2>
{% if words.note %}<p class="soft">{{ words.note }}</p>{% else %}
<p>The first {{ words.rows | length }} of {{ words.count | number }} words; all of them are in words.parquet.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Word table"><table><thead><tr>
{% for column in words.columns %}<th scope="col">{{ column }}</th>{% endfor %}</tr></thead><tbody>
{% for row in words.rows %}
<tr>{% for cell in row %}{% if cell is number %}<td class="number">{{ cell | number }}</td>
{%- elif cell is sequence and cell is not string %}<td>{{ cell | join(", ") }}</td>
{%- else %}<td>{{ cell | number }}</td>{% endif %}{% endfor %}</tr>
{% endfor %}
</tbody></table></div>{% endif %}

<h2 id="settings">Settings</h2>
{% if config is none %}<p class="soft">.hydra/config.yaml is missing.</p>
{% else %}<details><summary>The whole configuration</summary><pre tabindex="0">{{ config }}</pre></details>{% endif %}
</main>
</body>
</html>
"""


def main(arguments: list[str] | None = None) -> int:
    """The command: write the report of a run or of a sweep and print where it is."""
    parser = argparse.ArgumentParser(
        prog="python -m bows.report", description="Write report.html into a run or sweep folder."
    )
    parser.add_argument(
        "folder", type=Path, help="a run, outputs/runs/<date>/<time>-<name>, or a sweep, outputs/sweeps/<date>/<time>"
    )
    parser.add_argument(
        "--metrics", help="of a sweep: what is drawn, as reconstruction/r2,interference/gap (default: a handful)"
    )
    given = parser.parse_args(arguments)
    try:
        print(_write(given.folder, given.metrics))
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: the report could not be written: {error}", file=sys.stderr)
        return 1
    return 0


def _write(folder: Path, metrics: str | None) -> Path:
    # Imported here: the report of a run needs neither tables nor figures.
    from bows.sweep.collect_jobs import holds_jobs

    if not holds_jobs(folder):
        if metrics is not None:
            raise SettingError(f"--metrics={metrics}: {folder} is no sweep; leave it out")
        return write_report(folder)
    from bows.sweep_report import write_sweep_report

    return write_sweep_report(folder, None if metrics is None else metrics.split(","))


def command_line() -> None:
    """python -m bows.report, and bows-report, which is the same."""
    sys.exit(main())


if __name__ == "__main__":
    command_line()
