"""Every command of bows that README and the pages show is one that the commands take."""

import argparse
import importlib
import sys

import pytest
from bows_docs.blocks import PAGES, commands_in, pages
from bows_docs.commands import commands, help_of

from bows.cli.preflight import check_command_line
from bows.config.launchers import register_launchers

from ..support.commands import fresh

README = PAGES.parents[1] / "README.md"
HYDRA = {"bows.train": "train", "bows.corpus": "corpus", "bows.analyze": "analyze"}


def shown() -> dict[tuple[str, ...], str]:
    """Every command that is shown, once, with the page that shows it first."""
    found: dict[tuple[str, ...], str] = {}
    for page in [README, *pages()]:
        if page.stem != "faq":  # whose commands are refused, as tests of that page check
            for words in commands_in(page.read_text(encoding="utf-8")):
                found.setdefault(tuple(words), page.stem)
    return found


# Recipes are run as they are, with -m slow most of them; so is their check here.
SHOWN = [
    pytest.param(list(words), id=f"{page}-{number}", marks=[pytest.mark.slow] if page == "recipes" else [])
    for number, (words, page) in enumerate(shown().items())
]
# Options that exist only once the pages on bringing one's own were followed; tests of those run them.
BROUGHT = ("data=letters", "data=topics", "model=unit_directions", "hydra/launcher=last_first")
# Flags of Hydra's own that take a value.
WITH_VALUE = ("--cfg", "--info")


class Parsed(Exception):
    """Raised where a command would begin its work."""


@pytest.mark.parametrize("words", [case for case in SHOWN if case.values[0][0] in HYDRA])
def test_overrides_compose(words):
    module, *rest = words
    overrides = [
        word
        for place, word in enumerate(rest)
        if not word.startswith("-") and (not place or rest[place - 1] not in WITH_VALUE)
    ]
    if {"-sc", "--help", "..."} & set(rest) or any(word in BROUGHT for word in rest):
        pytest.skip("no overrides to compose, or of an option that a page shows how to add")
    # Folders and options that a reader puts in.
    overrides = [
        word
        for word in overrides
        if not word.startswith("resume=") and (word == "run=..." or not word.endswith("=..."))
    ]
    overrides = [word.replace("<", "_").replace(">", "_").replace("...", "folder") for word in overrides]
    register_launchers()
    check_command_line(HYDRA[module], overrides, multirun="-m" in rest)


@pytest.mark.parametrize("words", [case for case in SHOWN if case.values[0][0] not in HYDRA])
def test_arguments_are_parsed(words, monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parsed(self, arguments=None, namespace=None):
        parse(self, arguments, namespace)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.setattr(sys, "argv", words)
    module, _, function = commands()[words[0]].partition(":")
    with pytest.raises(Parsed):
        getattr(importlib.import_module(module), function)()


def test_commands_are_shown_at_all():
    modules = {words[0] for words in shown()}
    assert modules >= {*HYDRA, "bows.collect", "bows.report", "bows.reproduce", "bows.bench"}
    assert modules <= set(commands())


def test_help_is_what_the_command_prints():
    done = fresh(["bows.train", "--help"])
    printed = "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())
    assert help_of("bows.train", commands()["bows.train"]) == printed
