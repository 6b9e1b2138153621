"""What bows uses of Hydra's private interface is as it was written against: a new Hydra that changes it fails here, by name."""

import inspect
import re
from pathlib import Path

import pytest
from hydra.types import RunMode

import bows
from bows.config import hydra_internals
from bows.config.hydra_internals import Hydra, composed, hydra_command, parsed_arguments
from bows.config.launchers import register_launchers


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
    assert using <= {"config/hydra_internals.py", "sweep/compose_cache.py", "paper/estimate.py"}


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
