"""The Hub without a network: what is said, how soon, and the path that its text takes."""

import os
import socket

import datasets
import pytest

from bows.data.sources import huggingface as hub
from bows.data.sources.huggingface import hub_text
from bows.errors import DataError

SPLITS = {"train": "train", "validation": "dev"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Any connection fails; the environment is put back."""

    def refuse(*arguments, **options):
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "0")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def text(splits=SPLITS, column="body", streaming=False):
    return hub_text("someone/prose", "small", "v1", column, streaming, splits)


def rows(split="train", **options) -> list[str]:
    return [row for part in text(**options).splits[split]() for row in part.to_pylist()]


def refusal(**options) -> str:
    with pytest.raises(DataError) as error:
        rows(**options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_offline_is_one_line_with_remedies_and_at_once(monkeypatch):
    asked, calls = {}, []

    def load(*arguments, **options):
        calls.append(arguments)
        asked.update({name: os.environ[name] for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")})
        raise ConnectionError("Couldn't reach the Hub\nand more")

    monkeypatch.setattr(datasets, "load_dataset", load)
    message = refusal()
    assert len(calls) == 1
    assert asked == {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
    }  # so that datasets does not try for half a minute
    assert message.startswith(
        "dataset someone/prose, config small, split train: cannot be had (the Hub cannot be reached"
    )
    for remedy in ("data=pydoc", "data=files data.train=", "python -m bows.corpus", "outputs/corpora"):
        assert remedy in message


@pytest.mark.parametrize(
    "error",
    [ValueError("Unknown split"), FileNotFoundError("no such dataset"), RuntimeError("Dataset scripts are no longer supported"),
     datasets.exceptions.DatasetGenerationError("broken"), datasets.exceptions.DatasetNotFoundError("gone")],
)  # fmt: skip
def test_whatever_the_hub_answers_is_said_in_one_line(monkeypatch, error):
    def load(*arguments, **options):
        raise error

    monkeypatch.setattr(hub, "_hub_reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", load)
    assert f"({error})" in refusal(split="validation")
    assert "split dev" in refusal(split="validation")


@pytest.mark.parametrize("streaming", [False, True])
def test_text_takes_the_columns_path(monkeypatch, streaming):
    whole = datasets.Dataset.from_dict({"body": [f"row {k}" for k in range(12_000)], "n": list(range(12_000))})
    asked = []

    def load(*arguments, **options):
        asked.append((arguments, options))
        return whole.to_iterable_dataset() if streaming else whole

    monkeypatch.setattr(hub, "_hub_reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", load)
    assert rows("validation", streaming=streaming) == whole["body"][:]
    assert asked == [(("someone/prose", "small"), {"split": "dev", "revision": "v1", "streaming": streaming})]
    assert refusal(column="text", streaming=streaming) == (
        "data.column=text: someone/prose has no such column; it has body, n"
    )
    assert "holds int64, not text" in refusal(column="n", streaming=streaming)


def test_facts_record_the_source():
    assert text().facts() == {
        "kind": "hub", "path": "someone/prose", "config": "small", "revision": "v1", "column": "body", "splits": SPLITS
    }  # fmt: skip


def test_nothing_is_asked_before_rows_are(monkeypatch):
    def load(*arguments, **options):
        raise AssertionError("asked too early")

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert set(text().splits) == {"train", "validation"}


def test_reachable_means_a_connection_to_the_endpoint_or_its_proxy(monkeypatch):
    seen = []

    class Connection:
        def close(self):
            seen.append("closed")

    def connect(address, seconds):
        seen.append(address)
        return Connection()

    assert not hub._hub_reachable()
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(hub, "getproxies", dict)
    assert hub._hub_reachable()
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.test")
    assert hub._hub_reachable()
    monkeypatch.setattr(hub, "getproxies", lambda: {"http": "http://proxy.test:3128"})
    assert hub._hub_reachable()
    assert [s for s in seen if s != "closed"] == [("huggingface.co", 443), ("mirror.test", 80), ("proxy.test", 3128)]
    assert seen.count("closed") == 3
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not hub._hub_reachable()
