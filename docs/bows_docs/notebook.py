"""A notebook as a page: its text as it is, its code in blocks."""

import json
from pathlib import Path


def page(path: Path) -> str:
    """The cells of a notebook, as Markdown. Outputs are not shown: the file in the repository has none."""
    lines = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        lines += [text, ""] if cell["cell_type"] == "markdown" else ["```python", text, "```", ""]
    return "\n".join(lines)
