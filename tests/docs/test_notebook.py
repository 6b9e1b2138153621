"""The notebook runs on a finished run, and stands in the repository without outputs."""

import nbformat
import pytest
from bows_docs.blocks import PAGES
from bows_docs.notebook import page

from bows.files import read_json

NOTEBOOK = PAGES.parent / "notebooks" / "look_at_a_run.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_outputs_are_not_kept(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_it_runs_and_the_page_shows_its_outputs(places, monkeypatch):
    """Without errors and without printed lines, which a page has no place for."""
    monkeypatch.setenv("BOWS_RUN", str(places.run))
    # The folder that the run was started in: its settings name its text relative to that.
    monkeypatch.chdir(places.commands.folder)
    text = page(NOTEBOOK)
    assert text.count('<img src="data:image/png;base64,') >= 3
    assert text.count("<table") >= 3
    assert f"{read_json(places.run / 'summary.json')['reconstruction/r2']:.4f}" in text
