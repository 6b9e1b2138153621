"""Jobs composed by copy are those that Hydra composes, and their settings are written as Hydra writes them."""

import pytest
import yaml
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from bows.config.launchers import register_launchers
from bows.config.paths import CONF
from bows.sweep.compose_cache import remember_compositions
from bows.sweep.hydra_files import as_yaml, write_settings


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
]


def test_a_job_composed_by_copy_is_the_one_that_hydra_composes(loader):
    master = loader.load_configuration("train", ["trainer=cpu", "hydra/launcher=vectorized"], RunMode.MULTIRUN)
    expected = [OmegaConf.to_yaml(loader.load_sweep_config(master, job)) for job in JOBS]
    remember_compositions(loader)
    assert [OmegaConf.to_yaml(loader.load_sweep_config(master, job)) for job in JOBS] == expected


def test_jobs_with_the_same_groups_are_composed_once_and_share_nothing(loader, monkeypatch):
    master = loader.load_configuration("train", [], RunMode.MULTIRUN)
    composed = []
    load = loader.load_configuration
    monkeypatch.setattr(loader, "load_configuration", lambda *a, **k: composed.append(1) or load(*a, **k))
    remember_compositions(loader)
    first, second = (loader.load_sweep_config(master, ["model=linear", f"wd={wd}"]) for wd in (1, 2))
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
        remember_compositions(loader)
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
