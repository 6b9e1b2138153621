"""What bows uses of Hydra's private interface is as it was written against: a new Hydra that changes it fails here, by name."""

import inspect
import re
from pathlib import Path

import pytest
import yaml
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

import bows
from bows.config import hydra_internals
from bows.config.hydra_internals import (
    Hydra,
    as_yaml,
    cache_compositions,
    composed,
    error_of,
    hydra_command,
    parsed_arguments,
    write_settings,
)
from bows.config.launchers import LAUNCHERS, register_launchers
from bows.config.paths import CONF
from bows.sweep.launcher import SweepLauncher


def test_hydra_writes_a_jobs_settings_whole(monkeypatch, tmp_path):
    from hydra.core import utils

    assert "_save_config(task_cfg, " in inspect.getsource(utils.run_job), (
        "Hydra writes a job's settings by another name"
    )
    utils._save_config(OmegaConf.create({"a": 1}), "config.yaml", tmp_path / ".hydra")
    monkeypatch.setattr("pathlib.Path.replace", lambda self, target: 1 / 0)  # killed before the file is whole
    with pytest.raises(ZeroDivisionError):
        utils._save_config(OmegaConf.create({"a": 2}), "config.yaml", tmp_path / ".hydra")
    assert [file.read_text() for file in (tmp_path / ".hydra").iterdir()] == ["a: 1\n"]


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (Hydra.create_main_hydra2, ["task_name", "config_search_path"]),
        (Hydra.run, ["self", "config_name", "task_function", "overrides"]),
        (Hydra.multirun, ["self", "config_name", "task_function", "overrides"]),
        (Hydra.show_cfg, ["self", "config_name", "overrides", "cfg_type", "package", "resolve"]),
        (Hydra.show_info, ["self", "info", "config_name", "overrides"]),
        (Hydra.shell_completion, ["self", "config_name", "overrides"]),
        (Hydra.hydra_help, ["self", "config_name", "args_parser", "args"]),
        (hydra_internals.ConfigLoaderImpl.load_configuration, ["self", "config_name", "overrides", "run_mode"]),
        (
            hydra_internals.create_automatic_config_search_path,
            ["calling_file", "calling_module", "config_path"],
        ),
        (hydra_internals.get_overrides_dirname, ["overrides", "exclude_keys", "item_sep", "kv_sep"]),
    ],
)
def test_signatures(function, parameters):
    assert list(inspect.signature(function).parameters)[: len(parameters)] == parameters


def test_private_names_of_hydra_are_imported_in_one_file():
    package = Path(bows.__file__).parent
    using = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"^\s*(from|import) hydra\._internal", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert using == {"config/hydra_internals.py"}


def test_a_command_line_is_composed_once_for_the_check_and_the_run(tmp_path):
    register_launchers()
    words = ["-m", f"outputs={tmp_path}", "seed=3"]
    with hydra_command(parsed_arguments(words)) as command:
        checked = composed("train", words[1:])
        run = command.compose_config("train", words[1:], RunMode.RUN)
        other = command.compose_config("train", words[1:2], RunMode.RUN)
    assert run is checked
    assert (run.seed, other.seed) == (3, 0)


def test_overrides_may_stand_anywhere_among_the_flags():
    arguments = parsed_arguments(["a=1", "-m", "b=2", "--cfg", "job", "~c"])
    assert (arguments.overrides, arguments.multirun, arguments.cfg) == (["a=1", "b=2", "~c"], True, "job")


@pytest.fixture
def loader(monkeypatch, tmp_path):
    monkeypatch.setenv("BOWS_OUTPUTS", str(tmp_path))
    register_launchers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


JOBS = [
    [],
    ["data=circular", "model=tied", "wd=1", "latent=3", "lr=1e-2"],
    ["wd=6", "data=circular", "latent=4", "model=tied"],
    ["data=iid", "model=linear", "wd=${lr}", "name='a, b'"],
    ["wd=1", "wd=2"],
    ["+new=3", "wd=1"],
    ["~data.seed"],
    ["experiment=wikitext_months", "seed=3"],
    ["optimizer=sgd", "optimizer.momentum=0.5", "analysis.regimes={absent: 0.1}"],
    ["hydra.sweep.subdir=3", "wd=3"],
    ["data=circular", "wd=3", "hydra.sweep.subdir='0-a b'"],
    ["hydra/launcher=joblib", "wd=3", "hydra.sweep.subdir=3"],
    ["hydra.job.num=3", "wd=3"],
]


def test_a_job_composed_by_copy_is_the_one_that_hydra_composes(loader):
    master = loader.load_configuration("train", ["trainer=cpu", "hydra/launcher=vectorized"], RunMode.MULTIRUN)
    expected = [OmegaConf.to_yaml(loader.load_sweep_config(master, job)) for job in JOBS]
    cache_compositions(loader)
    assert [OmegaConf.to_yaml(loader.load_sweep_config(master, job)) for job in JOBS] == expected


def test_jobs_with_the_same_groups_are_composed_once_and_share_nothing(loader, monkeypatch):
    master = loader.load_configuration("train", [], RunMode.MULTIRUN)
    composed = []
    load = loader.load_configuration
    monkeypatch.setattr(loader, "load_configuration", lambda *a, **k: composed.append(1) or load(*a, **k))
    cache_compositions(loader)
    words = [["model=linear", f"wd={wd}"] for wd in (1, 2)]
    first, second = (loader.load_sweep_config(master, each) for each in words)
    assert loader.load_sweep_config(master, [*words[0], "hydra.sweep.subdir='0'"]).wd == 1  # as the launcher runs it
    assert len(composed) == 1
    first.optimizer.betas[0] = 0.5
    assert (first.wd, second.wd, second.optimizer.betas[0]) == (1, 2, 0.9)


def test_a_value_that_does_not_exist_is_refused_as_hydra_refuses_it(loader):
    master = loader.load_configuration("train", [], RunMode.MULTIRUN)
    said = []
    for _ in range(2):
        with pytest.raises(Exception, match="wdd") as caught:
            loader.load_sweep_config(master, ["wdd=1"])
        said.append(str(caught.value))
        cache_compositions(loader)
    assert said[0] == said[1]


def test_settings_files_are_those_of_hydra(loader, tmp_path):
    master = loader.load_configuration("train", [], RunMode.MULTIRUN)
    config = loader.load_sweep_config(master, ["data=circular", "wd=1e-3", "name='1e-3'"])
    write_settings(tmp_path, config, 3)
    own = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    assert (tmp_path / ".hydra" / "config.yaml").read_text() == OmegaConf.to_yaml(own)
    assert OmegaConf.load(tmp_path / ".hydra" / "hydra.yaml") == OmegaConf.masked_copy(config, "hydra")
    assert OmegaConf.load(tmp_path / ".hydra" / "overrides.yaml") == ["data=circular", "wd=1e-3", "name='1e-3'"]
    assert config.hydra.runtime.output_dir == str(tmp_path)
    assert (config.hydra.job.num, config.hydra.job.id, config.hydra.sweep.subdir) == (3, "3", tmp_path.name)


@pytest.mark.parametrize(
    "text", ["1e-3", "1_000", "yes", "null", "0x1f", "12:30", "a: b", "- x", "é ✓", "", "${wd}", "1e5"]
)
def test_text_stays_text(text):
    assert OmegaConf.to_container(OmegaConf.create(as_yaml({"key": text}))) == {"key": text}
    assert yaml.safe_load(as_yaml({"key": text})) == {"key": text}


def test_hydra_instantiates_a_launcher_that_is_in_no_plugin_package(loader):
    register_launchers(SweepLauncher)
    for option in LAUNCHERS:
        master = loader.load_configuration("train", [f"hydra/launcher={option}"], RunMode.MULTIRUN)
        context = HydraContext(config_loader=loader, callbacks=Callbacks())
        made = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=len, config=master)
        assert isinstance(made, SweepLauncher)
        assert made.engine == ("basic" if option == "vectorized" else option)


def test_the_error_of_a_failed_job():
    error = ValueError("x")
    failed, completed = JobReturn(status=JobStatus.FAILED), JobReturn(status=JobStatus.COMPLETED)
    failed.return_value, completed.return_value = error, 1.5
    assert (error_of(failed), error_of(completed)) == (error, None)
