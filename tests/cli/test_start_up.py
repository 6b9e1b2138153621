"""Every command starts in a Python of its own, and prints its help without importing what takes long."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "pytorch_lightning", "wandb", "datasets", "pyarrow", "scipy", "sklearn", "pydantic", "matplotlib"}


@pytest.mark.parametrize("name", ["train", "corpus", "analyze", "collect", "report", "dashboard", "reproduce"])
def test_help_is_light(name):
    code = f"""
import runpy, sys
sys.argv = ["bows.{name}", "--help"]
try:
    runpy.run_module("bows.{name}", run_name="__main__")
except SystemExit as ended:
    assert not ended.code
print("imported:", sorted({HEAVY} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    *text, imported = done.stdout.splitlines()
    assert len(text) > 5
    assert imported == "imported: []"
