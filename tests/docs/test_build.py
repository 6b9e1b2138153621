"""The documentation builds without a warning, and its pages fetch nothing."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bows_docs.blocks import PAGES, blocks, pages
from bows_docs.formulas import FORMULAS
from bows_docs.glossary import anchor, metric_names

DOCS = PAGES.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory, run_command, tiny_text) -> Path:
    """Built by the command of README and of conf.py, but for where it goes, and for the run of the notebook."""
    folder = tmp_path_factory.mktemp("site")
    words = ["data=files", f"data.train={tiny_text}", "data.vocab_size=60", "latent=4", "epochs=2", "analysis=full",
             "analysis.figures=false", "analysis.permutations=19", "analysis.null_permutations=19", "logger=none"]  # fmt: skip
    run = run_command(["bows.train", *words, f"outputs={folder}", f"hydra.run.dir={folder / 'run'}"])
    assert run.returncode == 0, run.stderr
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", DOCS, PAGES, folder / "html", "-d", folder / "d"],
        capture_output=True,
        text=True,
        env=os.environ | {"BOWS_RUN": str(folder / "run")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder / "html"


class Fetched(HTMLParser):
    """What a page loads as it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video") and given.get("src"):
            self.found.append(str(given["src"]))
        if tag == "link" and given.get("rel") not in ("index", "search", "next", "prev", "canonical"):
            self.found.append(str(given.get("href")))


def test_pages_load_nothing_but_files_beside_them(site):
    built = [*site.rglob("*.html")]
    assert {"index.html", "concepts.html", "recipes.html", "faq.html"} <= {page.name for page in built}
    for page in built:
        loaded = Fetched()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.found
        for each in loaded.found:
            assert not re.match(r"(?:\w+:)?//", each), f"{page.name} loads {each}"
            if not each.startswith("data:"):
                assert (page.parent / each.partition("?")[0]).is_file(), f"{page.name} loads {each}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_every_metric_has_a_place_that_can_be_linked_to(site):
    page = (site / "reference" / "metrics.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert [
        name for name in metric_names() if anchor(name).replace("_", "-") not in ids and anchor(name) not in ids
    ] == []


def drawn(page: Path) -> list[str]:
    """The text of each formula of a page that is MathML."""
    found = re.findall(r"<math [^>]*MathML[^>]*>(.*?)</math>", page.read_text(encoding="utf-8"), re.DOTALL)
    return ["".join(re.sub(r"<[^>]+>|&ApplyFunction;", " ", each).split()) for each in found]


def test_formulas_are_drawn_by_the_browser_without_a_script(site):
    pages = {page.stem: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert [
        name for name, text in pages.items() if re.search(r"<script[^>]*mathjax|\\\(|\$\$", text, re.IGNORECASE)
    ] == []
    concepts = drawn(site / "concepts.html")
    assert "ai=bibias+‖wi‖2fiselfterm+∑j≠i(wi⋅wj)fjinterference" in concepts
    metrics = drawn(site / "reference" / "metrics.html")
    assert "𝔼[Ii∣fi=1]−𝔼[Ii∣fi=0]" in metrics
    assert "2n−1" in metrics
    assert len(metrics) >= len(FORMULAS)
    assert set(FORMULAS) <= set(metric_names())


def test_what_is_made_from_the_code_can_be_searched(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for word in ("capacity/represented_fraction", "hydra/launcher=joblib", "bows.reproduce"):  # titles, as they are
        assert f'"{word}"' in index
    assert "cpus_per_task" in index


def test_a_figure_on_a_page_is_drawn_by_the_commands_under_it():
    for page in pages():
        text = page.read_text(encoding="utf-8")
        drawn = {block.marks["figure"].partition(" from ")[0] for block in blocks(page) if "figure" in block.marks}
        shown = set(re.findall(r"^!\[[^\]]+\]\(figures/([^)]+)\)", text, re.MULTILINE))
        assert drawn <= shown
        assert shown <= {path.name for path in (PAGES / "figures").iterdir()}
        if page.stem == "concepts":
            assert shown == drawn == {path.name for path in (PAGES / "figures").iterdir()}
            assert all(block.commands for block in blocks(page) if "figure" in block.marks)
