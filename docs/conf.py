"""sphinx-build -W -c docs docs/pages outputs/docs

The pages go to outputs/docs; open index.html there. Nothing is fetched, neither while they are built nor while they are read. -W makes
every warning an error: a link to a page or a heading that is not there, a page that no other leads to.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from bows_docs import commands, configuration, glossary, notebook  # noqa: E402
from bows_docs.formulas import draw_formula  # noqa: E402

from bows import __version__  # noqa: E402

project = "bows"
release = __version__
copyright = ""
html_show_copyright = False
html_show_sphinx = False
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist", "attrs_inline", "attrs_block", "dollarmath"]
html_math_renderer = "mathml"
myst_heading_anchors = 3
nitpicky = True
# Pages are written for a screen of any width; a reader's own fonts serve.
html_theme = "furo"
html_title = "bows"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sourcelink = False

# Pages that are made from the code: the files of these names hold nothing but a title.
MADE = {
    "reference/metrics": glossary.page,
    "reference/settings": configuration.page,
    "reference/commands": commands.page,
    "look_at_a_run": lambda: notebook.page(HERE / "notebooks" / "look_at_a_run.ipynb"),
}


def make(app, name: str, source: list[str]) -> None:
    """Put what is made from the code in the place of a page's file, and names over files.

    Sphinx calls it with the page's name and, in a list, its text.
    """
    if name in MADE:
        source[0] = MADE[name]()
    # Over a file that a page shows stands its name, which tests read as well.
    source[0] = re.sub(r"^% file: (.+)$", r"`\1`:", source[0], flags=re.MULTILINE)


def setup(app) -> dict[str, bool]:
    app.connect("source-read", make)
    app.add_html_math_renderer("mathml", (draw_formula, None), (draw_formula, None))
    # What is made from the code is not told by the time of a file: such pages are made anew each time.
    app.connect("env-get-outdated", lambda app, env, added, changed, removed: sorted(MADE))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
