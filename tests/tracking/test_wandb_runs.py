"""The W&B runs of single runs and of members of a stack, read back from their offline records."""

import json
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from bows.config.validate import check
from bows.files import read_json
from bows.tracking.run_labels import Labels
from bows.training.stack import members, monitor, train_stack
from bows.training.stack.members import StackJob

from ..support.commands import Paused, wandb_records

SMALL = ["data.vocab_size=60", "data.window=4", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=4", "lr=1e-2",
         "analysis.figures=false", "trainer.checkpoint_every_steps=5"]  # fmt: skip
GRID = ["model=tied,linear", "hydra/launcher=vectorized"]


@pytest.fixture(scope="module")
def words(tiny_text) -> list[str]:
    return ["bows.train", "data=files", f"data.train={tiny_text}", *SMALL]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, words, run_command) -> Path:
    """A stack of two runs, and one of the two alone."""
    folder = tmp_path_factory.mktemp("outputs")
    for more in (
        ["-m", *GRID, f"hydra.sweep.dir={folder / 'sweep'}"],
        ["model=linear", f"hydra.run.dir={folder / 'alone'}"],
    ):
        done = run_command([*words, *more, f"outputs={folder}"])
        assert done.returncode == 0, done.stderr
    return folder


def member(sweep: Path, model: str) -> Path:
    (job,) = [job for job in read_json(sweep / "jobs.json")["jobs"] if f"model={model}" in job["overrides"]]
    return sweep / job["folder"]


def history(records: list[dict]) -> list[tuple[int, str, object]]:
    """Step, metric and value of everything that was logged, without tables and W&B's own."""
    items = [record["history"]["item"] for record in records if record["type"] == "history"]
    return [
        (item["trainer/global_step"], name, value)
        for item in items
        for name, value in item.items()
        if not name.startswith(("_", "tables/", "trainer/"))
    ]


def of_the_work(rows: list[tuple[int, str, object]]) -> list[tuple[int, str]]:
    return sorted((step, name) for step, name, _ in rows if name != "epoch")


def test_a_member_of_a_stack_logs_what_a_single_run_logs_at_the_same_steps(outputs, run_command):
    ours, theirs = (
        history(wandb_records(run_command, folder))
        for folder in (member(outputs / "sweep", "linear"), outputs / "alone")
    )
    assert of_the_work(ours) == of_the_work(theirs)
    expected = {(step, name): value for step, name, value in theirs}
    for step, name, value in ours:
        if not name.startswith("speed/"):
            assert value == pytest.approx(expected[step, name], rel=1e-4, abs=1e-6), (step, name)


def test_names_group_tags_job_type_and_configuration(outputs, run_command, tiny_text):
    def start(folder):
        return next(record["run"] for record in wandb_records(run_command, folder) if record["type"] == "run")

    alone, stacked = start(outputs / "alone"), start(member(outputs / "sweep", "tied"))
    settings = "data.train=tiny.txt data.vocab_size=60 data.window=4 data.min_chars=20 data.batch_size=16 latent=4 epochs=4 lr=1e-2"
    # Not trainer.checkpoint_every_steps, which does not change the result; W&B allows 128 characters.
    assert alone["display_name"] == f"files {settings} model=linear analysis.figures=false"[:128]
    assert (
        stacked["display_name"] == f"files model=tied {settings.replace('1e-2', '0.01')}"[:128]
    )  # what varies comes first
    assert "run_group" not in alone
    assert stacked["run_group"] == "sweep"
    for run, model in ((alone, "linear"), (stacked, "tied")):
        assert (run["job_type"], run["tags"]) == ("train", ["files", model])
        config = run["config"]["update"]
        status = read_json((outputs / "alone") / "status.json")
        count = len((outputs / "alone" / "vocabulary.txt").read_text().split())
        assert config["corpus"] == {"hash": status["corpus"], "words": count}
        assert config["data"]["train"] == str(tiny_text)
        assert (config["analysis"]["words"], config["analysis"]["sets"]) == ("encyclopaedia", {})  # word lists by name
        assert len(json.dumps(config)) < 4000


def test_report_and_model_are_artifacts_of_the_run(outputs, run_command):
    for folder in (outputs / "alone", member(outputs / "sweep", "tied")):
        artifacts = [
            record["artifact"] for record in wandb_records(run_command, folder) if record["type"] == "artifact"
        ]
        files = {each["type"]: [entry["path"] for entry in each["manifest"]["contents"]] for each in artifacts}
        assert files["model"] == ["model.safetensors", "vocabulary.txt"]
        assert files["report"] == ["report.html"]
        assert not list(folder.glob("wandb/**/model.safetensors"))  # by reference, no copy


def test_tables_have_no_column_without_a_value(outputs):
    (table,) = (outputs / "alone").glob("wandb/offline-run-*/files/media/table/tables/words*.table.json")
    content = json.loads(table.read_text())
    assert {"word", "frequency"} <= set(content["columns"])
    for place, name in enumerate(content["columns"]):
        assert any(row[place] is not None for row in content["data"]), name


def test_each_log_names_the_upload_of_its_own_run_only(outputs):
    for folder in [*(outputs / "sweep").glob("[0-9]*-*"), outputs / "alone"]:
        lines = [line for line in (folder / "train.log").read_text().splitlines() if "wandb sync" in line]
        assert len(lines) == 1
        assert lines[0].endswith(f"wandb sync {folder}/wandb/offline-run-*")


@pytest.mark.parametrize("more", [["model=linear"], ["-m", *GRID]], ids=["single", "stack"])
def test_a_killed_run_that_is_resumed_is_one_wandb_run_from_its_first_step_on(
    outputs, words, run_command, tmp_path, more
):
    """A single run, and each member of a stack, whose checkpoint is of step 30: the rows are those of an uninterrupted run."""
    sweep = "-m" in more
    place = f"hydra.{'sweep' if sweep else 'run'}.dir={tmp_path / 'here'}"
    asked = [*words, *more, place, f"outputs={outputs}"]
    moment = "step:33"
    assert Paused(run_command.popen, moment, tmp_path / "paused", asked).end_by(signal.SIGKILL) == -signal.SIGKILL
    done = run_command(asked if sweep else ["bows.train", f"resume={tmp_path / 'here'}", f"outputs={outputs}"])
    assert done.returncode == 0, done.stderr
    folder = member(tmp_path / "here", "linear") if sweep else tmp_path / "here"
    rows = history(wandb_records(run_command, folder))  # of the only W&B run
    assert of_the_work(rows) == of_the_work(history(wandb_records(run_command, outputs / "alone")))


def test_members_of_a_stack_log_while_they_train(compose, tmp_path, monkeypatch, tiny_text):
    received: dict[str, list[int]] = {}

    @contextmanager
    def recorder(chosen, config, folder, labels, table, mode):
        class Recorder:
            def log_metrics(self, metrics, step):
                received.setdefault(folder.name, []).append(step)

            def save(self):
                pass

        yield [Recorder()]

    monkeypatch.setattr(members, "extra_loggers", recorder)
    monkeypatch.setattr(monitor, "PAUSE", 0.0)
    monkeypatch.setattr(monitor, "WRITING", 1e9)  # written at the end of every epoch
    fit, after_training = train_stack.StackTask.fit, {}

    def watched(self, *arguments):
        fit(self, *arguments)
        after_training.update({name: max(steps) for name, steps in received.items()})

    monkeypatch.setattr(train_stack.StackTask, "fit", watched)
    jobs = []
    for name in ("tied", "linear"):
        (tmp_path / name).mkdir()
        settings = check(compose("data=files", f"data.train={tiny_text}", *SMALL, f"model={name}", "logger=csv"))
        jobs.append(StackJob(tmp_path / name, settings, Labels(name, "sweep")))
    assert all(isinstance(outcome, float) for outcome in train_stack.train_stack(jobs, tmp_path / "scratch"))
    steps = 4 * -(-len((tmp_path / "tied" / "metrics.csv").read_text().splitlines()) // 4) - 4
    assert after_training.keys() == {"tied", "linear"}
    assert all(last >= steps / 2 for last in after_training.values())
