"""The page of all commands: what each prints with --help."""

import io
import os
import re
import sys
import tomllib
from contextlib import redirect_stdout
from importlib import import_module
from string import Template
from unittest.mock import patch

import yaml

from bows.config.paths import CONF
from bows_docs.docstrings import REPOSITORY


def commands() -> dict[str, str]:
    """The modules that are commands, each with the function that runs it: those of pyproject.toml, and bows.bench, which has no short
    name."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {target.partition(":")[0].removesuffix(".__main__"): target for target in project["scripts"].values()} | {
        "bows.bench": "bows.bench.__main__:main"
    }


def help_of(module: str, function: str) -> str:
    """What a command prints with --help. A command of Hydra's prints a text that lies in conf/; the others are asked, in this process."""
    template = CONF / "hydra" / "help" / f"{module.partition('.')[2]}.yaml"
    if template.is_file():
        text = Template(yaml.safe_load(template.read_text(encoding="utf-8"))["template"]).substitute()
    else:
        printed = io.StringIO()
        with (
            patch.object(sys, "argv", [module, "--help"]),
            patch.dict(os.environ, COLUMNS="100"),
            redirect_stdout(printed),
        ):
            try:
                getattr(import_module(function.partition(":")[0]), function.partition(":")[2])()
            except SystemExit as ended:
                if ended.code:
                    raise RuntimeError(f"python -m {module} --help ended with {ended.code}") from None
        text = printed.getvalue()
    return re.sub(r"[ \t]+$", "", text.strip("\n"), flags=re.MULTILINE)


def page() -> str:
    """The page, as Markdown."""
    lines = [
        "# Commands",
        "",
        "What each command prints with `--help`, taken from the command itself each time this page is built. `bows-train` and so on, which "
        "an installation brings, are the same as `python -m bows.train` and so on. A command ends with 0 where all went well, 1 where a "
        "run failed, 2 where a setting cannot be met, 130 after Ctrl-C.",
        "",
    ]
    for module, function in commands().items():
        lines += [f"## {module}", "", "```none", help_of(module, function), "```", ""]
    return "\n".join(lines)
