"""The mode is decided without a question or a wait; an offline run can be read back whole."""

import builtins
import json
import os
import socket
import sys
import threading

import pyarrow as pa
import pytest
import wandb
from PIL import Image

from bows.errors import SettingError
from bows.tracking import wandb_logger as wb
from bows.tracking.wandb_mode import choose_mode, sync_command

from ..support.commands import wandb_records

KEY = "0123456789" * 4


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


@pytest.fixture
def server(monkeypatch):
    """A host that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/")
        yield listening


def test_without_a_key_offline_and_the_command_that_uploads(tmp_path):
    mode, sentence = choose_mode(None, tmp_path)
    assert mode == "offline"
    assert "no key" in sentence
    assert sync_command(tmp_path) in sentence
    assert "\n" not in sentence
    assert choose_mode("auto")[0] == "offline"


def test_a_key_and_a_host_that_answers_is_online(monkeypatch, server):
    assert choose_mode()[0] == "offline"
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert choose_mode()[0] == "online"
    assert choose_mode("online")[0] == "online"


@pytest.mark.parametrize("file", [".netrc", "_netrc", "elsewhere"])
def test_a_key_in_a_netrc_file_counts_for_its_host_only(monkeypatch, server, tmp_path, file):
    netloc = f"127.0.0.1:{server.getsockname()[1]}"
    if file == "elsewhere":
        monkeypatch.setenv("NETRC", str(tmp_path / file))
    (tmp_path / file).write_text(f"machine other.example login user password {KEY}\n")
    assert choose_mode()[0] == "offline"
    (tmp_path / file).write_text(f"machine {netloc} login user password {KEY}\n")
    assert choose_mode()[0] == "online"


def test_an_unreadable_netrc_is_named(tmp_path):
    (tmp_path / ".netrc").write_text("machine\n  nonsense here\n")
    with pytest.raises(SettingError, match="netrc"):
        choose_mode()


def test_a_key_and_no_host_is_offline_or_an_error(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    mode, sentence = choose_mode()
    assert mode == "offline"
    assert "cannot be reached" in sentence
    with pytest.raises(SettingError, match=r"logger\.mode=offline"):
        choose_mode("online")


def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    asked, answer, ended = [], threading.Event(), threading.Event()

    def hang(address, timeout):
        asked.append(timeout)
        answer.wait()
        ended.set()
        raise TimeoutError("no answer")  # in a thread that must not end in an error of its own

    monkeypatch.setattr(socket, "create_connection", hang)
    monkeypatch.setattr("bows.tracking.wandb_mode.CONNECT_SECONDS", 0.2)
    assert choose_mode()[0] == "offline"
    assert not ended.is_set()
    assert asked == [0.2]
    answer.set()
    ended.wait()


def test_a_proxy_is_asked_in_place_of_the_host(monkeypatch, server):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    port = server.getsockname()[1]
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    assert choose_mode()[0] == "online"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert choose_mode()[0] == "offline"


def test_online_without_a_key_is_an_error(monkeypatch):
    with pytest.raises(SettingError, match="wandb login"):
        choose_mode("online")
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(SettingError, match="WANDB_MODE=online"):
        choose_mode()


def test_what_was_asked_for_comes_before_the_key(monkeypatch, server):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert choose_mode("offline")[0] == "offline"
    assert choose_mode("disabled")[0] == "disabled"
    for value, mode in (("offline", "offline"), ("dryrun", "offline"), ("disabled", "disabled"), ("run", "online")):
        monkeypatch.setenv("WANDB_MODE", value)
        assert choose_mode("auto")[0] == mode
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert choose_mode("offline")[0] == "offline"


def test_modes_that_do_not_exist(monkeypatch):
    with pytest.raises(SettingError, match=r"logger\.mode=ofline"):
        choose_mode("ofline")
    monkeypatch.setenv("WANDB_MODE", "maybe")
    with pytest.raises(SettingError, match="WANDB_MODE=maybe"):
        choose_mode()


def test_two_offline_runs_in_one_process_read_back(tmp_path, capfd, run_command):
    picture = tmp_path / "gram.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    words = pa.table({"word": ["january", "may", "tea"], "norm": [1.0, 0.5, 0.25]})
    for name, failed in (("first", False), ("second", True)):
        run = wb.wandb_logger(tmp_path / name, "offline", project="bows", name=name, group="sweep", tags=("test",))
        wb.log_config(run, {"model": {"latent": 10 if failed else 20}})
        run.log_metrics({"reconstruction/loss": 0.5}, step=3)
        run.log_metrics({"reconstruction/loss": 0.25}, step=7)
        wb.log_figures(run, {"gram": picture}, step=7)
        wb.log_word_table(run, "words", words, max_rows=2, step=7)
        wb.finish(run, failed=failed)
    assert wandb.run is None
    assert "WANDB_MODE" not in os.environ
    assert capfd.readouterr() == ("", "")
    for name, latent, code in (("first", 20, 0), ("second", 10, 1)):
        read = wandb_records(run_command, tmp_path / name)
        (start,) = [record["run"] for record in read if record["type"] == "run"]
        assert (start["project"], start["display_name"], start["run_group"]) == ("bows", name, "sweep")
        configs = [record["config"]["update"] for record in read if record["type"] == "config"]
        assert {"model": {"latent": latent}} in configs
        items = [record["history"]["item"] for record in read if record["type"] == "history"]
        losses = {item["trainer/global_step"]: item.get("reconstruction/loss") for item in items[:2]}
        assert losses == {3: 0.5, 7: 0.25}
        (image,) = [item["figures/gram.path"] for item in items if "figures/gram.path" in item]
        (table,) = [item["tables/words.path"] for item in items if "tables/words.path" in item]
        (run_folder,) = (tmp_path / name / "wandb").glob("offline-run-*")
        assert (run_folder / "files" / image).read_bytes() == picture.read_bytes()
        stored = json.loads((run_folder / "files" / table).read_text())
        assert stored == {"columns": ["word", "norm"], "data": [["january", 1.0], ["may", 0.5]]}
        (end,) = [record["exit"] for record in read if record["type"] == "exit"]
        assert end.get("exit_code", 0) == code
        metrics = [record["metric"] for record in read if record["type"] == "metric"]
        assert any(m.get("glob_name") == "*" and m.get("step_metric") == "trainer/global_step" for m in metrics)


def test_a_whole_process_prints_nothing(tmp_path, run_command):
    script = (
        "from bows.tracking import wandb_logger as wb, wandb_mode\n"
        f"mode, _ = wandb_mode.choose_mode(None, {str(tmp_path)!r})\n"
        f"run = wb.wandb_logger({str(tmp_path)!r}, mode, project='bows', name='a')\n"
        "run.log_metrics({'a': 1.0}, step=0)\n"
        "raise SystemExit(0)\n"
    )
    # Without WANDB_BASE_URL: the public address is found without an account and without a connection.
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_BASE_URL"}
    done = run_command(["-c", script], env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    history = [
        record["history"]["item"] for record in wandb_records(run_command, tmp_path) if record["type"] == "history"
    ]
    assert [item["a"] for item in history] == [1]


def test_a_key_that_is_refused_is_a_setting_error(tmp_path, monkeypatch, server):
    monkeypatch.setenv("WANDB_API_KEY", "short")
    with pytest.raises(SettingError, match=r"logger\.mode=offline"):
        wb.wandb_logger(tmp_path, "online", project="bows", name="a")


def test_disabled_takes_everything_and_leaves_nothing(tmp_path):
    run = wb.wandb_logger(tmp_path, "disabled", project="bows", name="a")
    run.log_metrics({"a": 1.0}, step=0)
    wb.log_config(run, {"a": 1})
    wb.finish(run, failed=False)
    assert not (tmp_path / "wandb").exists()
