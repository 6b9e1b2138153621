"""A notebook as a page: its text, its code in blocks, and its outputs, which the file in the repository does not contain."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

log = logging.getLogger(__name__)
log.setLevel(logging.WARNING)


def page(path: Path) -> str:
    """Return a notebook, run from its first cell to its last, as Markdown.

    It reads the run folder that BOWS_RUN names, else that of a default run with `analysis=full`, which is trained for it (20 s).
    """
    with TemporaryDirectory() as place:
        folder = os.environ.get("BOWS_RUN", f"{place}/run")
        if "BOWS_RUN" not in os.environ:
            words = [
                "analysis=full",
                "analysis.figures=false",
                "logger=none",
                f"outputs={place}",
                f"hydra.run.dir={folder}",
            ]
            subprocess.run([sys.executable, "-m", "bows.train", *words], check=True, stdout=subprocess.DEVNULL)
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", extra_arguments=["--log-level=ERROR"], log=log
        )
        client.execute(env=os.environ | {"BOWS_RUN": folder})
    lines = []
    for cell in notebook.cells:
        lines += [cell.source, ""] if cell.cell_type == "markdown" else ["```python", cell.source, "```", ""]
        for output in cell.get("outputs", ()):
            lines += ["```{raw} html", f'<div class="output">{_html(output.data)}</div>', "```", ""]
    return "\n".join(lines)


def _html(data: dict[str, str]) -> str:
    if "image/png" in data:
        return f'<img src="data:image/png;base64,{data["image/png"].strip()}" alt="figure of the code above">'
    return data["text/html"]
