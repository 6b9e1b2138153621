"""The notebook runs on a finished run, and stands in the repository without outputs."""

import nbformat
import pytest
from bows_docs.blocks import PAGES
from nbclient import NotebookClient

NOTEBOOK = PAGES.parent / "notebooks" / "look_at_a_run.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_outputs_are_not_kept(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_it_runs_and_draws(notebook, places, monkeypatch):
    monkeypatch.setenv("BOWS_RUN", str(places.run))
    # In the folder that the run was started in: its settings name its text relative to that.
    where = {"metadata": {"path": str(places.commands.folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type in ("error", "stream")]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") >= 3
    assert kinds.count("text/html") >= 3
