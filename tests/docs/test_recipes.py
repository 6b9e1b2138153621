"""Every recipe is one command that runs: as the real command line, at toy size."""

import json
from pathlib import Path

import pytest
from bows_docs.blocks import Block, marked

# Recipes that no size makes quick run with -m slow.
RECIPES = [
    pytest.param(block, marks=[pytest.mark.slow] if block.marks["recipe"] == "slow" else [], id=block.heading)
    for block in marked("recipe")
]


@pytest.mark.parametrize("block", RECIPES)
def test_a_recipe_runs(block: Block, commands, places):
    (words,) = block.commands
    words = places.standing(words)
    done = commands(*commands.toy(words))
    assert done.code == 0, done.output
    assert "Traceback" not in done.output
    left_something(words, done)


def left_something(words: list[str], done) -> None:
    """What a command is to leave behind is there."""
    if "--cfg" in words:
        assert "output_activation: identity" in done.output
    elif words[0] == "bows.train" and "-m" not in words:
        assert json.loads((done.folder / "status.json").read_text(encoding="utf-8"))["state"] == "completed"
        assert (done.folder / "report.html").is_file()
    elif words[0] == "bows.analyze":
        assert [path for path in done.folder.iterdir() if path.suffix in (".json", ".parquet", ".csv")]
    elif words[0] == "bows.report":
        assert done.folder.is_file()  # the page, in the last line
    elif words[0] == "bows.collect":
        assert {"results.csv", "summary.csv"} <= {Path(line).name for line in done.output.splitlines()}


def test_there_are_recipes_enough_and_each_is_one_command():
    assert len(RECIPES) >= 15
    for block in marked("recipe"):
        assert len(block.commands) == 1, f"{block.heading}: not one command"
        assert block.heading.endswith("?")
