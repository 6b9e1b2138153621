"""The version is stated in one place; citation, changelog, hooks and workflow agree with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

import bows

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_version_of_the_package_is_that_of_the_module():
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "bows/__init__.py"
    # As hatch reads it.
    found = re.findall(r'^__version__ = "(.+)"$', Path(bows.__file__).read_text(encoding="utf-8"), re.MULTILINE)
    assert found == [bows.__version__]


def test_the_citation_has_the_version_the_licence_and_a_title():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == bows.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["title"].startswith("bows")
    assert citation["cff-version"] == "1.2.0"


def test_the_changelog_begins_with_the_version_or_unreleased():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\S+)", text, re.MULTILINE)
    assert headings[0] in ("Unreleased", bows.__version__)


def test_every_command_has_a_script():
    assert set(PROJECT["project"]["scripts"]) == {
        f"bows-{name}"
        for name in ("train", "corpus", "analyze", "reproduce", "collect", "report", "dashboard", "vectors")
    }


def test_hooks_and_workflow_use_what_the_project_uses():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    for repository in hooks["repos"]:
        assert repository["repo"] == "local" or re.fullmatch(r"v\d+\.\d+\.\d+", repository["rev"])
    (rev,) = [each["rev"] for each in hooks["repos"] if each["repo"].endswith("/ruff-pre-commit")]
    (requirement,) = [each for each in PROJECT["project"]["optional-dependencies"]["dev"] if each.startswith("ruff")]
    assert Requirement(requirement).specifier.contains(rev.removeprefix("v"))
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert set(workflow["jobs"]) == {"lint", "tests", "docs", "wheel"}
    versions = workflow["jobs"]["tests"]["strategy"]["matrix"]["python-version"]
    classifiers = [f"Programming Language :: Python :: {version}" for version in versions]
    assert set(classifiers) < set(PROJECT["project"]["classifiers"])
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert versions[0] == oldest
    assert PROJECT["tool"]["pyright"]["pythonVersion"] == oldest
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
