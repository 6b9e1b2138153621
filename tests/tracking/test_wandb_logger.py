"""The mode is decided without a question or a wait; an offline run can be read back whole."""

import builtins
import json
import os
import socket
import subprocess
import sys
import threading

import pyarrow as pa
import pytest
import wandb
from PIL import Image

from bows.config.schema import Logger
from bows.errors import SettingError
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.loggers import extra_loggers, log_media
from bows.tracking.run_labels import Labels
from bows.tracking.wandb_logger import RunLogger, open_run
from bows.tracking.wandb_mode import choose_mode, sync_command

from ..support.commands import wandb_records

KEY = "0123456789" * 4
CHOSEN = Logger(kind="wandb", mode="offline", tags=["test"])


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path):
    """A home without keys, an environment without W&B settings, and a terminal that must not be asked."""
    for name in list(os.environ):
        if name.startswith("WANDB_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    # Set wherever the public address does not matter, so that no test looks a name up.
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")

    # A host here answers or refuses at once, but the machine may be busy.
    monkeypatch.setattr("bows.tracking.wandb_mode.CONNECT_SECONDS", 600.0)

    def asked(*args):
        raise AssertionError("asked a person")

    monkeypatch.setattr(builtins, "input", asked)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    wandb.teardown()  # settings and credentials are read once per process
    yield
    wandb.teardown()


@pytest.fixture
def server(monkeypatch):
    """A host that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/")
        yield listening


def history(run_command, folder):
    """The rows of the only offline run below a folder, as the documentation reads them."""
    return [each["history"]["item"] for each in wandb_records(run_command, folder) if each["type"] == "history"]


def run_ids(folder):
    return {path.stem for path in folder.rglob("run-*.wandb")}


def test_without_a_key_offline_and_the_command_that_uploads(tmp_path):
    mode, sentence = choose_mode(None, tmp_path)
    assert mode == "offline"
    assert "no key" in sentence
    assert sync_command(tmp_path) in sentence
    assert "\n" not in sentence
    assert choose_mode("auto", tmp_path)[0] == "offline"


def test_a_key_and_a_host_that_answers_is_online(monkeypatch, server, tmp_path):
    assert choose_mode(None, tmp_path)[0] == "offline"
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert choose_mode(None, tmp_path)[0] == "online"
    assert choose_mode("online", tmp_path)[0] == "online"


@pytest.mark.parametrize("file", [".netrc", "_netrc", "elsewhere"])
def test_a_key_in_a_netrc_file_counts_for_its_host_only(monkeypatch, server, tmp_path, file):
    netloc = f"127.0.0.1:{server.getsockname()[1]}"
    if file == "elsewhere":
        monkeypatch.setenv("NETRC", str(tmp_path / file))
    (tmp_path / file).write_text(f"machine other.example login user password {KEY}\n")
    assert choose_mode(None, tmp_path)[0] == "offline"
    (tmp_path / file).write_text(f"machine {netloc} login user password {KEY}\n")
    assert choose_mode(None, tmp_path)[0] == "online"


def test_an_unreadable_netrc_is_named(tmp_path):
    (tmp_path / ".netrc").write_text("machine\n  nonsense here\n")
    with pytest.raises(SettingError, match="netrc"):
        choose_mode(None, tmp_path)


def test_a_key_and_no_host_is_offline_or_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    mode, sentence = choose_mode(None, tmp_path)
    assert mode == "offline"
    assert "cannot be reached" in sentence
    with pytest.raises(SettingError, match=r"logger\.mode=offline"):
        choose_mode("online", tmp_path)


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    asked, answer, ended = [], threading.Event(), threading.Event()

    def hang(address, timeout):
        asked.append(timeout)
        answer.wait()
        ended.set()
        raise TimeoutError("no answer")  # in a thread that must not end in an error of its own

    monkeypatch.setattr(socket, "create_connection", hang)
    monkeypatch.setattr("bows.tracking.wandb_mode.CONNECT_SECONDS", 0.2)
    assert choose_mode(None, tmp_path)[0] == "offline"
    assert not ended.is_set()
    assert asked == [0.2]
    answer.set()
    ended.wait()


def test_a_proxy_is_asked_in_place_of_the_host(monkeypatch, server, tmp_path):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    port = server.getsockname()[1]
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    assert choose_mode(None, tmp_path)[0] == "online"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert choose_mode(None, tmp_path)[0] == "offline"


def test_online_without_a_key_is_an_error(monkeypatch, tmp_path):
    with pytest.raises(SettingError, match="wandb login"):
        choose_mode("online", tmp_path)
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(SettingError, match="WANDB_MODE=online"):
        choose_mode(None, tmp_path)


def test_what_was_asked_for_comes_before_the_key(monkeypatch, server, tmp_path):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert choose_mode("offline", tmp_path)[0] == "offline"
    assert choose_mode("disabled", tmp_path)[0] == "disabled"
    for value, mode in (("offline", "offline"), ("dryrun", "offline"), ("disabled", "disabled"), ("run", "online")):
        monkeypatch.setenv("WANDB_MODE", value)
        assert choose_mode("auto", tmp_path)[0] == mode
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert choose_mode("offline", tmp_path)[0] == "offline"


def test_modes_that_do_not_exist(monkeypatch, tmp_path):
    with pytest.raises(SettingError, match=r"logger\.mode=ofline"):
        choose_mode("ofline", tmp_path)
    monkeypatch.setenv("WANDB_MODE", "maybe")
    with pytest.raises(SettingError, match="WANDB_MODE=maybe"):
        choose_mode(None, tmp_path)


def test_two_offline_runs_in_one_process_read_back(tmp_path, capfd, monkeypatch, run_command):
    monkeypatch.setattr("bows.tracking.wandb_logger.TABLE_ROWS", 2)
    picture = tmp_path / "gram.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    words = pa.table({"word": ["january", "may", "tea"], "norm": [None, 0.5, 0.25], "near": [["may"], [], None]})
    words = words.append_column(
        "r2_linear", pa.array([None, None, None], pa.float64())
    )  # not measured: no column in W&B
    for name, failed in (("first", False), ("second", True)):
        config = {"model": {"latent": 10 if failed else 20}}
        run = open_run(tmp_path / name, "offline", CHOSEN, Labels(name, "sweep", tags=("tied", "test")), config=config)
        run.log_metrics({"reconstruction/loss": 0.5}, step=3)
        run.log_metrics({"reconstruction/loss": 0.25}, step=7)
        run.log_media({"gram": picture}, {"words": words}, step=7)
        run.finish(failed)
    assert wandb.run is None
    assert not {name for name in os.environ if name.startswith("WANDB_")} - {"WANDB_BASE_URL", "WANDB_SERVICE"}
    assert capfd.readouterr() == ("", "")
    for name, latent, code in (("first", 20, 0), ("second", 10, 1)):
        read = wandb_records(run_command, tmp_path / name)
        (start,) = [record["run"] for record in read if record["type"] == "run"]
        assert (start["project"], start["display_name"], start["run_group"]) == ("bows", name, "sweep")
        assert (start["tags"], start["job_type"]) == (["tied", "test"], "train")
        assert start["config"]["update"]["model"] == {"latent": latent}
        items = [record["history"]["item"] for record in read if record["type"] == "history"]
        losses = {item["trainer/global_step"]: item.get("reconstruction/loss") for item in items[:2]}
        assert losses == {3: 0.5, 7: 0.25}
        (image,) = [item["figures/gram.path"] for item in items if "figures/gram.path" in item]
        (table,) = [item["tables/words.path"] for item in items if "tables/words.path" in item]
        (run_folder,) = (tmp_path / name / "wandb").glob("offline-run-*")
        assert (run_folder / "files" / image).read_bytes() == picture.read_bytes()
        stored = json.loads((run_folder / "files" / table).read_text())
        assert stored == {
            "columns": ["word", "norm", "near"],
            "data": [["january", None, ["may"]], ["may", 0.5, []]],
        }
        (end,) = [record["exit"] for record in read if record["type"] == "exit"]
        assert end.get("exit_code", 0) == code
        metrics = [record["metric"] for record in read if record["type"] == "metric"]
        assert any(m.get("glob_name") == "*" and m.get("step_metric") == "trainer/global_step" for m in metrics)


@pytest.mark.parametrize("uploaded", [False, True])
def test_a_resumed_run_continues_its_wandb_run_and_logs_no_metric_twice_at_a_step(tmp_path, run_command, uploaded):
    """A part that is not uploaded is written again, since a killed process loses some of it; another is left as it is."""

    def train(steps, table):
        with extra_loggers(CHOSEN, {}, tmp_path, Labels("a"), table) as loggers:
            assert isinstance(loggers[0], RunLogger)
            for step in steps:
                for logger in (table, *loggers):
                    logger.log_metrics({"loss": step / 10, "epoch": 0}, step=step)
                if step == 4 and table.dropped is None:
                    raise KeyboardInterrupt
            for logger in (table, *loggers):
                logger.log_metrics({"last": 1.0}, step=steps[-1])

    with pytest.raises(KeyboardInterrupt):
        train(range(6), MetricsTable(tmp_path))
    (first,) = tmp_path.rglob("run-*.wandb")
    if uploaded:
        first.with_name(f"{first.name}.synced").touch()
    else:
        first.write_bytes(first.read_bytes()[:7])  # as a killed process leaves it
    train((3, 4), MetricsTable(tmp_path, resume_step=2))
    assert len(run_ids(tmp_path)) == 1
    parts = sorted((tmp_path / "wandb").glob("offline-run-*"))
    assert len(parts) == 1 + uploaded
    rows = [row for part in parts for row in history(run_command, part)]
    logged = [(row["trainer/global_step"], name) for row in rows for name in row if name in ("loss", "last")]
    assert sorted(logged) == [*((step, "loss") for step in range(4)), (4, "last"), (4, "loss")]
    # The run is complete: training in this folder again is another run.
    train((0, 1), MetricsTable(tmp_path, resume_step=None))
    assert len(run_ids(tmp_path)) == 2


def test_a_run_started_again_in_the_folder_of_a_failed_one_is_a_new_wandb_run(tmp_path):
    for _ in range(2):
        open_run(tmp_path, "offline", CHOSEN, Labels("a")).finish(failed=True)
    assert len(run_ids(tmp_path)) == 2


@pytest.mark.parametrize("home", ["/proc", None])
def test_the_files_of_wandb_are_in_the_run_folder_whatever_the_home_folder(tmp_path, run_command, home):
    """A home that cannot be written, and a user whom the password file does not know."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "import pyarrow as pa\n"
        "from bows.config.schema import Logger\n"
        "from bows.tracking.run_labels import Labels\n"
        "from bows.tracking.loggers import extra_loggers, log_media\n"
        f"folder = Path({str(tmp_path)!r}) / 'run'\n"
        "if 'HOME' not in os.environ:\n"
        "    os.getuid = lambda: 54321\n"
        "with extra_loggers(Logger(kind='wandb'), {}, folder, Labels('a')) as loggers:\n"
        "    log_media(loggers, {}, {'words': pa.table({'word': ['tea']})}, 0)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    if home is not None:
        environment["HOME"] = home
    working = tmp_path / "working"
    working.mkdir()
    done = run_command(["-c", script], env=environment, cwd=working)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert list(working.iterdir()) == []
    assert [item["tables/words.nrows"] for item in history(run_command, tmp_path / "run")] == [1]


def test_starting_a_run_does_not_import_wandb_launch(tmp_path):
    """It takes 2 to 4 s. Fails where an upgrade of wandb moved the method that bows skips."""
    from wandb.sdk.wandb_run import Run

    assert callable(Run._detect_and_apply_job_inputs)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bows.config.schema import Logger\n"
        "from bows.tracking.run_labels import Labels\n"
        "from bows.tracking.wandb_logger import open_run\n"
        f"open_run(Path({str(tmp_path)!r}), 'offline', Logger(kind='wandb'), Labels('a')).finish(False)\n"
        "print(sorted(name for name in sys.modules if name.startswith(('wandb.sdk.launch', 'wandb.apis.public'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_media_go_to_the_loggers_that_show_them(tmp_path):
    log_media([MetricsTable(tmp_path)], {"gram": tmp_path / "gram.png"}, {"words": pa.table({"word": ["tea"]})}, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_whole_process_prints_nothing(tmp_path, run_command):
    script = (
        "from pathlib import Path\n"
        "from bows.config.schema import Logger\n"
        "from bows.tracking.run_labels import Labels\n"
        "from bows.tracking.loggers import extra_loggers\n"
        f"with extra_loggers(Logger(kind='wandb'), {{}}, Path({str(tmp_path)!r}), Labels('a')) as (run,):\n"
        "    run.log_metrics({'a': 1.0}, step=0)\n"
        "raise SystemExit(0)\n"
    )
    # Without WANDB_BASE_URL: the public address is found without an account and without a connection.
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_BASE_URL"}
    done = run_command(["-c", script], env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [item["a"] for item in history(run_command, tmp_path)] == [1]


def test_a_key_that_is_not_well_formed_is_a_setting_error(tmp_path, monkeypatch, server):
    monkeypatch.setenv("WANDB_API_KEY", "short")
    with pytest.raises(SettingError, match=r"WANDB_API_KEY invalid.*logger\.mode=offline"):
        choose_mode(None, tmp_path)
    with pytest.raises(SettingError, match=r"logger\.mode=offline"):
        open_run(tmp_path, "online", CHOSEN, Labels("a"))


def test_disabled_accepts_everything_and_writes_nothing(tmp_path):
    run = open_run(tmp_path, "disabled", CHOSEN, Labels("a"), config={"a": 1})
    run.log_metrics({"a": 1.0}, step=0)
    run.log_media({}, {"words": pa.table({"word": ["tea"]})}, step=0)
    run.finish(failed=False)
    assert list(tmp_path.iterdir()) == []
