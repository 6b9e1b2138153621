"""Every option composes and instantiates; whatever is misspelt or out of range is said in one line that names it."""

import re
from typing import Any

import pytest
import torch
import yaml

from bows.cli.preflight import check_command_line
from bows.config.identity import config_key, in_current_form
from bows.config.overrides import normalized
from bows.config.paths import CONF
from bows.config.resolve import target_of, trains_on_pairs, trait
from bows.config.signature import fields_of, schema_of
from bows.config.suggestions import suggest
from bows.config.validate import check
from bows.config.words import named_words
from bows.errors import SettingError
from bows.model.autoencoder import Autoencoder
from bows.model.optimizers import make_optimizer
from bows.model.pair_classifier import PairClassifier
from bows.model.pca import PrincipalComponents

GROUPS = {
    # An option may lie in a folder of its group; what options share, in shared/, is none.
    group: sorted(
        path.relative_to(CONF / group).with_suffix("").as_posix()
        for path in (CONF / group).rglob("*.yaml")
        if "shared" not in path.parts
    )
    for group in ("data", "model", "optimizer", "analysis", "trainer", "logger", "experiment")
}
PAIR_DATA = {"cities", "modular_addition"}
OPTIONS = [(group, option) for group, options in GROUPS.items() for option in options]
# What an option cannot do without.
NEEDED = {
    ("data", "files"): ["data.train=x.txt"],
    ("data", "hub"): ["data.path=someone/something"],
    ("experiment", "wikitext_months"): ["data.train=x.txt"],
    ("data", "cities"): ["model=pair_classifier"],
    ("data", "modular_addition"): ["model=pair_classifier"],
    ("model", "pair_classifier"): ["data=cities"],
} | {(group, option): ["data.train=x.txt"] for group, option in OPTIONS if option.startswith("paper/medium/")}


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_and_is_valid(compose, group, option):
    settings = check(compose(f"{group}={option}", *NEEDED.get((group, option), [])))
    assert settings.latent >= 1


@pytest.mark.parametrize("option", GROUPS["data"])
def test_every_corpus_instantiates(compose, option):
    from bows.config.resolve import instantiate_plain
    from bows.data.datamodule import BagsDataModule
    from bows.data.pairs import PairsDataModule

    node = compose(f"data={option}", *NEEDED.get(("data", option), []))["data"]
    kind = PairsDataModule if option in PAIR_DATA else BagsDataModule
    assert isinstance(instantiate_plain(node), kind)  # without reading any text


@pytest.mark.parametrize("option", sorted({*GROUPS["model"]} - {"pair_classifier"}))
def test_every_model_instantiates_and_runs(compose, option):
    from bows.runs.weights import make_autoencoder

    autoencoder = make_autoencoder(compose(f"model={option}", "latent=3")["model"], words=7)
    assert isinstance(autoencoder, Autoencoder)
    output = autoencoder(torch.eye(7)[:5])
    assert output.latent.shape == (5, 3)
    assert output.reconstruction.shape == (5, 7)
    assert autoencoder.encoder_weight.shape == (3, 7)
    assert autoencoder.decoder_weight.shape == (7, 3)


@pytest.mark.parametrize("option", GROUPS["optimizer"])
def test_every_optimizer_instantiates(compose, option):
    settings = check(compose(f"optimizer={option}", "wd=0.5", "lr=0.25")).optimizer
    optimizer = make_optimizer([torch.nn.Parameter(torch.ones(2, 2))], settings)
    assert type(optimizer).__name__.lower() == option
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert optimizer.param_groups[0]["weight_decay"] == 0.5


@pytest.mark.parametrize("option", GROUPS["trainer"])
def test_every_trainer_instantiates_or_names_what_is_missing(compose, option, tmp_path):
    from bows.evaluation.device import check_accelerator
    from bows.training.checkpoint_files import AtomicCheckpointIO
    from bows.training.task import Task, make_trainer

    class Nothing(Task):
        monitors = module = lambda self, *_: []
        checkpoints = monitors

    settings = check(compose(f"trainer={option}"))
    missing = {"gpu": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
    if missing.get(settings.trainer.accelerator):
        with pytest.raises(SettingError, match=rf"trainer.accelerator={option}: .* use trainer=cpu"):
            check_accelerator(settings.trainer.accelerator)
    else:
        check_accelerator(settings.trainer.accelerator)
        assert make_trainer(Nothing(settings, tmp_path), [], AtomicCheckpointIO()).max_epochs == settings.epochs


def test_dials_reach_the_groups(compose):
    composed = compose("seed=5", "wd=0.25", "lr=0.5", "latent=9", "epochs=4")
    assert composed["data"]["seed"] == 5
    assert composed["optimizer"]["weight_decay"] == 0.25
    assert composed["optimizer"]["lr"] == 0.5
    assert composed["model"]["latent"] == 9


def test_every_parameter_of_every_target_has_a_type_that_is_checked():
    targets = set()
    for path in CONF.rglob("*.yaml"):
        targets |= set(re.findall(r"^_target_: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(targets) == 15
    for target in targets:
        kinds = fields_of(schema_of(target_of({"_target_": target}), target.split(".")[1]))
        assert kinds
        assert Any not in kinds.values()


class OwnPairs(PairClassifier):
    """A user's own classifier of pairs."""


class OwnComponents(PrincipalComponents):
    """A user's own model in closed form."""


def test_traits_are_inherited_by_a_class_of_ones_own(compose):
    node = {"_target_": f"{__name__}.OwnPairs", "latent": 4, "hidden": 8}
    assert trains_on_pairs(node)
    assert not trait(node, "closed_form")
    assert trait({"_target_": f"{__name__}.OwnComponents"}, "closed_form")
    composed = compose("data=cities", "model=pair_classifier")
    composed["model"] = node
    check(composed)
    composed["data"] = compose()["data"]
    with pytest.raises(SettingError, match="model=OwnPairs reads pairs, and data pydoc are bags of words"):
        check(composed)
    node["latent"] = 2
    with pytest.raises(SettingError, match=r"^model\.latent=2 is not allowed; allowed: a whole number, 3 or more$"):
        check(composed)


MISSPELT = {
    "wdd=3": "wdd: there is no such setting; did you mean wd?",
    "modl=tied": "modl: there is no such setting; did you mean model?",
    "+modle.x=1": "modle: there is no such setting; did you mean model?",
    "+wdd=1": "wdd: there is no such setting; did you mean wd?",
    "model.latnet=3": "model.latnet: there is no such setting; did you mean model.latent?",
    "+model.latnet=3": "model.latnet: there is no such setting; did you mean model.latent?",
    "+data.windw=3": "data.windw: there is no such setting; did you mean data.window?",
    "vocab_size=5": "vocab_size: there is no such setting; did you mean data.vocab_size?",
    "optimizer.betass=[0,0]": "optimizer.betass: there is no such setting; did you mean optimizer.betas?",
    "model=teid": "model=teid: there is no such option; did you mean tied?",
    "data=file": "data=file: there is no such option; did you mean files?",
    "logger=wandbb": "logger=wandbb: there is no such option; did you mean wandb?",
}


@pytest.mark.parametrize("word", MISSPELT)
@pytest.mark.parametrize("multirun", [False, True])
def test_misspelt_names_end_with_a_did_you_mean(word, multirun):
    with pytest.raises(SettingError) as caught:
        check_command_line("train", ["seed=1", word], multirun=multirun)
    assert str(caught.value).startswith(MISSPELT[word])
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


OUT_OF_RANGE = {
    "latent=0": "latent=0 is not allowed; allowed: a whole number, 1 or more",
    "latent=true": "latent=true is not allowed; allowed: a whole number, 1 or more",
    "latent=2.5": "latent=2.5 is not allowed; allowed: a whole number, 1 or more",
    "wd=-1": "wd=-1 is not allowed; allowed: a number, 0 or more",
    "wd=.nan": "wd=.nan is not allowed; allowed: a number",
    "lr=0": "lr=0 is not allowed; allowed: a number above 0",
    "lr=nan": "lr=nan is not allowed; allowed: a number above 0",
    "epochs=ten": "epochs=ten is not allowed; allowed: a whole number, 1 or more",
    "epochs=null": "epochs=null is not allowed; allowed: a whole number, 1 or more",
    "seed=-1": "seed=-1 is not allowed; allowed: a whole number from 0 to 4294967295",
    "data.window=0": "data.window=0 is not allowed; allowed: a whole number, 1 or more",
    "data.stride=0": "data.stride=0 is not allowed; allowed: a whole number, 1 or more",
    "data.val_fraction=1": "data.val_fraction=1 is not allowed; allowed: a number between 0 and 1, neither included",
    "data.include=Monday": "data.include=Monday is not allowed; allowed: a list, [a,b,...], each text",
    "data.vocabulary=[a,b]": "data.vocabulary=['a', 'b'] is not allowed; allowed: text, or null",
    "data.vocabulary=5": "data.vocabulary=5 is not allowed; allowed: text, or null",
    "model.output_activation=rel": "model.output_activation=rel is not allowed; allowed: relu, identity, sigmoid",
    "optimizer.betas=[0.5]": "optimizer.betas=[0.5] is not allowed; allowed: 2 numbers, [a,b]",
    "+analysis.sets.pair=[a,b]": "analysis.sets.pair=['a', 'b'] is not allowed; allowed: a list, [a,b,...], each text; at least 3",
    "debug=5": "debug=5 is not allowed; allowed: true or false",
    "name=a/b": "name=a/b is not allowed; allowed: text without slashes",
    "data=files": "data.train is not set and has no default; give data.train=<value>",
}


@pytest.mark.parametrize(
    ("option", "own", "foreign"), [("circular", "relabel", "vocabulary"), ("pydoc", "vocabulary", "relabel")]
)
def test_relabelling_is_of_synthetic_features_and_a_vocabulary_of_text(compose, option, own, foreign):
    composed = compose(f"data={option}")
    assert not composed["data"][own]
    composed["data"][own] = ["yes"]
    with pytest.raises(
        SettingError, match=rf"^data\.{own}=\['yes'\] is not allowed; allowed: (true or false|text, or null)$"
    ):
        check(composed)
    # A run that was finished before the setting was there is looked at again by the configuration that it stored.
    del composed["data"][own]
    check(composed)
    composed["data"][foreign] = None
    with pytest.raises(SettingError, match=rf"^data\.{foreign}: there is no such setting; "):
        check(composed)


@pytest.mark.parametrize("word", OUT_OF_RANGE)
def test_values_out_of_range_name_setting_value_and_range(word):
    with pytest.raises(SettingError) as caught:
        check_command_line("train", [word])
    assert str(caught.value).startswith(OUT_OF_RANGE[word])
    assert "\n" not in str(caught.value)


def test_negative_decay_is_taken_when_asked_for():
    check_command_line("train", ["wd=-0.1", "optimizer.allow_negative_decay=true"])


def test_a_sweep_is_refused_for_its_keys_not_for_its_values():
    check_command_line("train", ["wd=0,-1", "latent=0,5"], multirun=True)
    with pytest.raises(SettingError, match=r"model=teid: .* did you mean tied"):
        check_command_line("train", ["model=tied,teid"], multirun=True)
    with pytest.raises(SettingError, match=r"latnet: .* did you mean latent"):
        check_command_line("train", ["latnet=range(2,5)"], multirun=True)


def test_several_values_without_a_sweep_are_refused():
    with pytest.raises(SettingError, match="wd=1,2: several values need a sweep; add -m"):
        check_command_line("train", ["wd=1,2"])


def test_a_bias_that_starts_at_frequencies_needs_a_bias(compose):
    check(compose("model.bias=false"))
    with pytest.raises(SettingError, match=r"^model\.bias=false is not allowed with .*; add model\.bias_start=zero$"):
        check(compose("model=sigmoid", "model.bias=false"))


def test_a_class_of_ones_own_is_checked_against_its_signature(compose):
    composed = compose()
    composed["model"] = {"_target_": "bows.model.autoencoder.Autoencoder", "latent": 3, "los": "squared_error"}
    with pytest.raises(SettingError, match=r"model\.los: .* did you mean model\.loss"):
        check(composed)
    composed["model"] = {"_target_": "bows.model.nowhere.Nothing"}
    with pytest.raises(SettingError, match=r"model\._target_=bows\.model\.nowhere\.Nothing: cannot be imported"):
        check(composed)


def test_suggestions_list_what_there_is_where_nothing_is_close():
    assert suggest("zzz", ["b", "a"]) == "known: a, b"


@pytest.mark.parametrize("door", ["train", "corpus"])
def test_help_names_every_option(door, run_command):
    text = run_command([f"bows.{door}", "--help"]).stdout
    words = set(re.findall(r"\w+", text))
    for group in ("data",) if door == "corpus" else GROUPS:
        named = {part for option in GROUPS[group] for part in option.split("/")}
        assert named - (PAIR_DATA if door == "corpus" else set()) <= words
    if door == "train":
        dials = yaml.safe_load((CONF / "train.yaml").read_text(encoding="utf-8"))
        for dial in ("latent", "wd", "lr", "epochs", "seed"):
            line = next(line for line in text.splitlines() if re.match(rf"\s*{dial} ", line))
            assert line.split()[-1] == str(dials[dial])


@pytest.mark.parametrize("called", ["python -m bows.train", "bows-train"])
@pytest.mark.parametrize(
    ("typed", "offered"), [("model=ti", "model=tied"), ("data=pyd", "data=pydoc"), ("lat", "latent=")]
)
def test_shell_completion_offers_options(called, typed, offered, monkeypatch, run_command):
    monkeypatch.setenv("COMP_LINE", f"{called} {typed}")
    done = run_command(["bows.train", "-sc", "query=bash"])
    assert offered in done.stdout.split()


def test_a_resumed_run_keeps_what_its_command_line_meant(compose, tmp_path):
    """Defaults may change between versions; a run must not silently go on with others than it began with."""
    import yaml

    from bows.cli.resume import resume_from_folder

    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(["wd=0.5", f"outputs={tmp_path / 'outputs'}"]))
    stored = compose("wd=0.5")
    stored["optimizer"] |= {"lr": "${lr}", "weight_decay": "${wd}"}
    stored["data"] |= {"seed": "${seed}", "folder": "${outputs}/corpora"}
    stored["model"]["latent"] = "${latent}"
    stored["name"] = "${data.name}"
    path = tmp_path / ".hydra" / "config.yaml"
    path.write_text(yaml.safe_dump(stored))
    words = resume_from_folder([f"resume={tmp_path}", "logger=none"])
    assert words[:1] == ["wd=0.5"]
    assert words[-2:] == [f"resume='{tmp_path}'", f"hydra.run.dir='{tmp_path}'"]
    assert "logger=none" in words
    path.write_text(yaml.safe_dump({**stored, "epochs": 77}))
    with pytest.raises(
        SettingError, match=r"this run was made with epochs=77, .* now sets to 15: it is of another version"
    ):
        resume_from_folder([f"resume={tmp_path}"])


def test_a_folder_in_the_place_of_a_setting_is_understood(tmp_path):
    from bows.config.overrides import parse
    from bows.errors import SettingError

    with pytest.raises(SettingError, match=f"for a run folder write run={tmp_path}"):
        parse([str(tmp_path)])
    with pytest.raises(SettingError, match="quote a value"):
        parse([str(tmp_path / "nothing")])


def test_words_of_a_list_are_not_in_the_configuration_but_in_the_checked_settings(compose):
    composed = compose('+analysis.categories.tea="tea cup kettle"', "+analysis.sets.winds=[north,east,south,west]")
    assert composed["analysis"]["sets"] == {"winds": ["north", "east", "south", "west"]}
    analysis = check(composed).analysis
    assert analysis.sets["winds"] == ["north", "east", "south", "west"]
    assert len(analysis.sets["months"]) == 12
    assert analysis.categories["tea"] == "tea cup kettle"
    assert "weather" in analysis.categories
    assert check(compose("analysis.words=null")).analysis.sets == {}
    assert check(composed).plain == composed


def test_a_file_of_words_of_ones_own(compose, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("sets:\n  winds: [north, east, south, west]\n", encoding="utf-8")
    analysis = check(compose(f"analysis.words='{file}'")).analysis
    assert (list(analysis.sets), analysis.categories) == (["winds"], {})
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("sets:\n  winds: [north, east]\n", encoding="utf-8")
    with pytest.raises(SettingError, match=r"^analysis\.words=.*wrong\.yaml: sets\.winds: .* at least 3 items"):
        check(compose(f"analysis.words='{wrong}'"))
    with pytest.raises(
        SettingError, match=r"^analysis\.words=encyclopedia: there is no such word list; allowed: encyc"
    ):
        check(compose("analysis.words=encyclopedia"))


def test_an_entry_of_a_word_list_is_replaced_or_deleted_as_if_it_were_in_the_configuration(compose):
    words = ["analysis.sets.months=[May,June,July]", "~analysis.sets.weekdays", "+analysis.sets.own=[a,b,c]"]
    analysis = check(compose(*normalized(words))).analysis
    assert analysis.sets["months"] == ["May", "June", "July"]
    assert "weekdays" not in analysis.sets
    assert "own" in analysis.sets
    for word, said in {
        "+analysis.categories.weather=x": r"analysis.words=encyclopaedia has weather already; .* \+\+analysis.categories.weather=x",
        "analysis.categories.MUSIK=[a,b,c]": r"there is no such setting; did you mean analysis.categories.music\?",
        "analysis.sets.month=[a,b,c]": r"analysis.sets.month: there is no such setting; did you mean analysis.sets.months\?",
        "analysis.sets.qqq=[a,b,c]": r"there is no such setting; to add it write \+analysis.sets.qqq=\[a,b,c\]",
    }.items():
        with pytest.raises(SettingError, match=said):
            normalized([word])


def test_sets_are_cycles_but_for_those_that_the_list_or_the_user_names(compose):
    analysis = check(compose("+analysis.sets.own=[a,b,c]", "analysis.linear_sets=[own]")).analysis
    assert {"own", "digits", "tens", "roman_numerals"} <= set(analysis.linear_sets) <= set(analysis.sets)
    assert not {"months", "weekdays", "compass"} & set(analysis.linear_sets)
    assert check(compose("+analysis.sets.own=[a,b,c]", "analysis.words=null")).analysis.linear_sets == []
    with pytest.raises(
        SettingError,
        match=r"analysis.linear_sets=ow: there is no such set; add it with \+analysis.sets.ow=\[...\]",
    ):
        check(compose("+analysis.sets.own=[a,b,c]", "analysis.linear_sets=[ow]"))


def test_a_job_keeps_its_key_though_its_words_are_now_named(compose):
    now = compose()
    before = compose()
    named = named_words(before["analysis"].pop("words"))
    before["analysis"] |= {key: dict(named[key]) for key in ("sets", "categories")}
    before["data"]["_target_"] = "bows.data.options.pydoc"
    assert config_key(now) == config_key(before)
    assert config_key(compose("+analysis.sets.own=[a,b,c]")) != config_key(now)
    assert in_current_form(before) == in_current_form(now) | {"analysis": before["analysis"]}
