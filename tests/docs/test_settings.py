"""The page of settings has every key of every option, with its default and its comment."""

import re

import pytest
from bows_docs import configuration
from bows_docs.configuration import GROUPS, option_settings, options, shown
from bows_docs.yaml_comments import comments
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bows.config.launchers import LAUNCHERS
from bows.config.paths import CONF


@pytest.fixture(scope="module")
def page() -> str:
    return configuration.page()


def section(page: str, group: str, option: str) -> str:
    return page.split(f"\n### {group}={option}\n")[1].split("\n##")[0]


def flat(node, prefix: str):
    for key, value in node.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict) and name not in configuration.OPEN:
            yield from flat(value, name)
        elif key != "_target_":
            yield name, value


def number(value):
    """YAML reads 1e-8 as text, Hydra as a number."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


QUICK = {("data", "openwebtext"), ("model", "sigmoid"), ("analysis", "full"), ("optimizer", "adam")}
OPTIONS = [
    pytest.param(group, option, marks=[] if (group, option) in QUICK else [pytest.mark.slow])
    for group in GROUPS
    for option in options(group)
]


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_an_option_has_the_keys_and_values_that_hydra_composes(page, group, option):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        composed = OmegaConf.to_container(compose(f"{group}/{option}")[group], resolve=False)
    expected = dict(flat(composed, group))
    found = {setting.name: setting.default for setting in option_settings(group, option)}
    assert {name: number(value) for name, value in found.items()} == expected
    rows = re.findall(r"^\| `([\w.]+)` \|", section(page, group, option), re.MULTILINE)
    assert sorted(rows) == sorted(expected)


def test_every_option_of_every_group_is_there(page):
    for group in GROUPS:
        for option in options(group):
            assert f"\n### {group}={option}\n" in page
            assert option_settings(group, option) or option == "none"
    for option in options("experiment"):
        assert f"\n### experiment={option}\n" in page
    for name, launcher in LAUNCHERS.items():
        table = page.split(f"\n### hydra/launcher={name}\n")[1].split("\n##")[0]
        assert set(re.findall(r"^\| `hydra.launcher.(\w+)`", table, re.MULTILINE)) == set(vars(launcher())) - {
            "_target_",
            "engine",
        }


def test_every_comment_behind_a_key_is_on_the_page():
    """Counted without a parser of YAML: lines of the form `key: value   # comment`."""
    for path in CONF.rglob("*.yaml"):
        if path.parent.parent.name == "hydra" or "experiment" in path.parts or path.name == "wandb_sweep.yaml":
            continue
        lines = re.findall(r"^ *(\w+):.*? # (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        said = comments(path)[1]
        for key, text in lines:
            assert any(
                name.rpartition(".")[2] == key and found.startswith(text.strip()) for name, found in said.items()
            ), (path, key)


def test_a_comment_goes_on_under_its_key():
    text = {setting.name: setting.says for setting in option_settings("data", "files")}["data.vocabulary"]
    assert text.startswith("a file, a word a line")
    assert text.endswith("do not apply then")


def test_inherited_keys_keep_the_comment_of_the_option_they_come_from():
    settings = {setting.name: setting for setting in option_settings("model", "sigmoid")}
    assert settings["model.loss"].default == "cross_entropy"
    assert settings["model.loss"].says == "squared_error or cross_entropy"
    assert settings["model.output_activation"].allowed == "relu, identity, sigmoid"


def test_defaults_are_shown_as_they_are_written():
    assert [shown(value) for value in (None, True, [1, "a"], "${seed}", "???")] == [
        "null", "true", "[1,a]", "${seed}", "none: it must be given"
    ]  # fmt: skip
