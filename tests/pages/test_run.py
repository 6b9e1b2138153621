"""The report page: whole, self-contained, escaped, and honest about what a run folder lacks."""

import json
import math
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from bows.errors import SettingError
from bows.figures.gram import gram_heat_map
from bows.figures.style import save
from bows.pages.run import write_report
from bows.report import main

HOSTILE = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += "" if self.tags[-1:] and self.tags[-1][0] == "style" else data


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "12-00-00-tied"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra/config.yaml").write_text(f"seed: 1\nname: {HOSTILE}\n")
    (folder / ".hydra/overrides.yaml").write_text("- model=tied\n- wd=1e-3\n")
    status = {"state": "failed", "error": HOSTILE, "seconds": 12.25, "versions": {"torch": "2.13", "bows": HOSTILE}}
    (folder / "status.json").write_text(json.dumps(status))
    summary = {
        "reconstruction/r2": 0.51234567,
        "ring/months/order": 0.9,
        "capacity/zero_columns": 3.0,
        HOSTILE: math.nan,
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "metrics.csv").write_text("step,train/loss\n1,0.5\n2,0.4\n")
    words = [HOSTILE, *(f"word{index}" for index in range(1499))]
    columns = {"word": words, "r2": [None, *np.linspace(0, 1, 1499)], "nearest": [[HOSTILE, "b"], *([["c"]] * 1499)]}
    parquet.write_table(pa.table(columns), folder / "words.parquet")
    save(gram_heat_map(np.eye(2), ["a", "b"]), folder / "figures" / "gram_<b>")
    return folder


def test_a_whole_page(run):
    path = write_report(run)
    assert path == run / "report.html"
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    for said in ("12-00-00-tied", "failed", "12.25", "torch 2.13", "wd=1e-3", "0.5123", "seed: 1", "word48"):
        assert said in page.text
    assert "in its known cyclic order" in page.text
    assert "The first 50 of 1,500 words" in page.text
    assert "2 rows of 2 columns" in page.text
    assert "word49" not in page.text
    assert "missing" not in page.text
    assert "None" not in page.text
    assert [attributes["src"][:22] for tag, attributes in page.tags if tag == "img"] == ["data:image/png;base64,"]
    assert not list(run.glob(".report*"))


def test_everything_is_escaped_and_nothing_is_fetched(run):
    html = write_report(run).read_text(encoding="utf-8")
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(HOSTILE) == 6  # error, version, metric, word, nearest word, configuration
    assert "http" not in html.replace(HOSTILE, "")
    assert not [attributes for tag, attributes in page.tags if tag in ("link", "iframe")]
    assert all(attributes.get("href", "#").startswith("#") for _, attributes in page.tags)


def test_what_is_missing_is_said_in_its_place(tmp_path):
    (tmp_path / "status.json").write_text('{"state": "running"}')
    text = Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    for name in ("summary.json", "metrics.csv", "words.parquet", ".hydra/config.yaml", ".hydra/overrides.yaml"):
        assert f"{name} is missing" in text
    assert "holds no pictures" in text
    assert "running" in text


def test_what_is_damaged_is_said_in_its_place(run):
    (run / "status.json").write_text('{"state": "com')
    (run / "summary.json").write_text("[1]")
    (run / "words.parquet").write_bytes(b"PAR1 but torn")
    (run / "metrics.csv").write_text("")
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    for said in ("status.json is damaged", "summary.json is damaged", "words.parquet is damaged", "no rows yet"):
        assert said in text


def test_command(run, tmp_path, capsys):
    assert main([str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "nowhere"):
        assert main([str(folder)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "is not a run folder" in error
        assert not (folder / "report.html").exists()
    with pytest.raises(SettingError):
        write_report(tmp_path)
