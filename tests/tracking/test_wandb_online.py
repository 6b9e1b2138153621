"""Runs that log to a W&B server while they train."""

import json
from csv import DictReader

from bows.files import read_json

from ..support.commands import environment
from ..support.wandb_server import KEY, WandbServer, wandb_server

WORDS = ["bows.train", "data=circular", "data.train_rows=600", "data.validation_rows=100", "latent=4", "epochs=2", "analysis.figures=false",
         "logger.mode=online", "logger.group=here"]  # fmt: skip


def train(run_command, server: WandbServer, folder):
    """Run a training against the server; a run that hangs is ended by `run_command`, with an error."""
    env = environment(WANDB_BASE_URL=server.url, WANDB_API_KEY=KEY, WANDB_ERROR_REPORTING="false", NO_PROXY="127.0.0.1")
    done = run_command([*WORDS, f"hydra.run.dir={folder}", f"outputs={folder.parent}"], env=env)
    assert done.returncode == 0, done.stderr
    assert read_json(folder / "status.json")["state"] == "completed"
    return done


def test_the_server_receives_one_run_with_its_configuration_history_artifacts_and_end(tmp_path, run_command):
    folder = tmp_path / "run"
    with wandb_server() as server:
        done = train(run_command, server, folder)
    assert f"W&B: online at {server.url}." in done.stderr
    first, *later = server.variables("UpsertBucket")
    run = first["name"]
    assert server.streamed.keys() == {run} == {each["name"] for each in later} | {run}
    assert list(folder.glob(f"wandb/run-*-{run}"))
    assert (first["project"], first["groupName"], first["jobType"]) == ("bows", "here", "train")
    assert first["displayName"].startswith("circular data.train_rows=600 data.validation_rows=100 latent=4 epochs=2")
    assert first["tags"] == ["circular", "tied"]
    config = {name: entry["value"] for name, entry in json.loads(first["config"]).items()}
    assert config["corpus"] == {"hash": read_json(folder / "status.json")["corpus"], "words": 12}
    assert (config["latent"], config["data"]["train_rows"]) == (4, 600)

    rows = server.history(run)
    steps = [row["trainer/global_step"] for row in rows]
    assert steps == sorted(steps)
    received = {(row["trainer/global_step"], name): value for row in rows for name, value in row.items()}
    with (folder / "metrics.csv").open() as file:
        written = {
            (int(row["step"]), name): float(value)
            for row in DictReader(file)
            for name, value in row.items()
            if value and name != "step"
        }
    assert {step for step, _ in written} == {0, 1, 2, 3, 4, 5}
    assert {key: received.get(key) for key in written} == written

    kinds = [each["input"]["artifactTypeName"] for each in server.variables("CreateArtifact")]
    assert sorted(kinds) == ["model", "report", "run_table"]
    ends = [part for part in server.streamed[run] if part.get("complete")]
    assert [end["exitcode"] for end in ends] == [0]


def test_a_server_that_refuses_the_key_at_the_end_costs_a_warning_and_not_the_run(tmp_path, run_command):
    with wandb_server(refused=("Viewer",)) as server:
        done = train(run_command, server, tmp_path / "run")
    assert "Traceback" not in done.stderr
    for what in ("figures and tables", "artifacts"):
        assert done.stderr.count(f"W&B did not accept the {what} (Failed to verify credentials") == 1
    assert (tmp_path / "run" / "report.html").is_file()
