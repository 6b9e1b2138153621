"""Building: against a slow build in memory, and what happens when it is disturbed."""

import ast
import contextlib
import errno
import json
import logging
import os
import shutil
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from bows.data import build, chunk_store
from bows.data.build import CorpusPlan, Text, by_size, open_or_build
from bows.data.chunk_store import ChunkStore
from bows.data.corpus import Bags, Corpus, open_corpus
from bows.data.tokenize import Tokenizer, WordRules, split_tokens
from bows.data.unicode_words import UnicodeRules
from bows.errors import DataError

from ..support.commands import wait_for

ROWS = [" ".join(f"w{'abcdefghij'[(k * k + j) % 10]}" for j in range(k % 5)) for k in range(57)]


def text_of(arrays: int = 3, **splits: list[str]) -> Text:
    """Splits of rows, streamed `arrays` rows at a time."""

    def stream(rows):
        for first in range(0, len(rows), arrays):
            yield pa.array(rows[first : first + arrays], pa.large_string())

    return Text({split: lambda rows=rows: stream(rows) for split, rows in splits.items()}, lambda: {"kind": "test"})


def make(root: Path, text: Text, vocab_size=10, include=(), val_fraction=0.1, min_chars=0, key="k") -> Corpus:
    plan = CorpusPlan("c", key, WordRules(min_chars), vocab_size, list(include), val_fraction)
    return open_or_build(root, plan, lambda: text)


def rows_of(bags: Bags, vocabulary: list[str]) -> list[list[str]]:
    return [
        [vocabulary[word] for word in bags.indices[a:b]] for a, b in zip(bags.indptr, bags.indptr[1:], strict=False)
    ]


def left_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


def test_threads_parse_no_python(tmp_path, monkeypatch):
    """Two threads in `ast.parse` fail now and then in Python 3.11; numpy parses the header of every .npy file with it."""
    seen, parse = [], ast.parse

    def watched(*arguments, **options):
        seen.append(threading.current_thread())
        return parse(*arguments, **options)

    monkeypatch.setattr(ast, "parse", watched)
    monkeypatch.setattr(pa, "cpu_count", lambda: 2)
    monkeypatch.setattr(build, "PIECE_BYTES", 40)
    make(tmp_path, text_of(7, train=ROWS, validation=["wa wz"]))
    assert not [thread for thread in seen if thread is not threading.main_thread()]


@pytest.mark.parametrize("chunk_bytes", [1, 40, 300, 1 << 24])
@pytest.mark.parametrize("arrays", [1, 7, 1000])
def test_bags_are_those_of_a_slow_build(tmp_path, monkeypatch, chunk_bytes, arrays):
    monkeypatch.setattr(build, "PIECE_BYTES", chunk_bytes)
    held_out = ["wa wz", "", "wz", "wb wa wb"]
    corpus = make(tmp_path, text_of(arrays, train=ROWS, validation=held_out, test=["wc"]), vocab_size=8)
    count = Counter(word for row in ROWS for word in row.split())
    vocabulary = sorted(count, key=lambda word: (-count[word], word))[:8]
    assert corpus.vocabulary == vocabulary
    for split, rows in {"train": ROWS, "validation": held_out, "test": ["wc"]}.items():
        bags = corpus.split(split)
        assert bags.indptr.dtype == np.int64
        assert bags.indices.dtype == np.uint16
        expected = [[word for word in vocabulary if word in row.split()] for row in rows]
        assert rows_of(bags, vocabulary) == expected
        occurs = [sum(word in row for row in expected) for word in vocabulary]
        assert bags.frequencies(8).tolist() == occurs
    assert "wz" not in vocabulary  # it occurs in held-out rows alone


@pytest.mark.parametrize(
    ("rows", "fraction", "held_out"), [(57, 0.1, 6), (10, 0.1, 1), (2, 0.1, 1), (100, 0.25, 25), (4, 0.99, None)]
)
def test_without_validation_text_the_last_rows_are_held_out(tmp_path, monkeypatch, rows, fraction, held_out):
    monkeypatch.setattr(build, "PIECE_BYTES", 20)
    text = text_of(4, train=["wa " + row for row in (ROWS * 2)[: rows - 1]] + ["last"], test=["wb"])
    if held_out is None:
        with pytest.raises(DataError, match="too little to hold out"):
            make(tmp_path, text, val_fraction=fraction)
        return
    corpus = make(tmp_path, text, val_fraction=fraction)
    assert {split: bags.rows for split, bags in corpus.splits.items()} == {
        "train": rows - held_out,
        "validation": held_out,
        "test": 1,
    }
    assert "last" not in corpus.vocabulary
    expected = [sorted(set(row.split()) | {"wa"}) for row in (ROWS * 2)[: rows - held_out]]
    assert [sorted(row) for row in rows_of(corpus.split("train"), corpus.vocabulary)] == expected


def test_a_wide_vocabulary_takes_four_bytes_an_index(tmp_path):
    """More words than uint16 holds, and more cells than int32 counts."""
    names = ["".join("abcdefghijklmnopqrst"[n // 20**k % 20] for k in range(4)) for n in range(66_000)]
    rows = pa.array([" ".join(names[::-1]), names[65_999], *[""] * 40_000, names[0]])
    chunk = Tokenizer(WordRules(0)).words(split_tokens(rows, 0))
    store = ChunkStore(tmp_path / "store")
    store.add(chunk, 1)
    assert store.write_bags(tmp_path / "bags", names, 0, store.rows) == 66_002
    indices, indptr = np.load(tmp_path / "bags" / "indices.npy"), np.load(tmp_path / "bags" / "indptr.npy")
    assert indices.dtype == np.uint32
    assert np.array_equal(indices, [*range(66_000), 65_999, 0])
    assert indptr[[0, 1, 2, -2, -1]].tolist() == [0, 66_000, 66_001, 66_001, 66_002]


def test_a_split_without_words_opens(tmp_path):
    corpus = make(tmp_path, text_of(train=["wa wb"] * 3, validation=["zz", ""]))
    assert corpus.split("validation").indptr.tolist() == [0, 0, 0]
    assert len(corpus.split("validation").indices) == 0


@given(st.lists(st.lists(st.text("ab", max_size=30), max_size=6), max_size=6), st.integers(1, 60))
def test_by_size_keeps_rows_in_order_and_arrays_small(arrays, size):
    rows = [pa.array(part, pa.large_string()) for part in arrays]
    cut = list(by_size(iter(rows), size))
    assert [row for part in cut for row in part.to_pylist()] == [row for part in arrays for row in part]
    assert all(len(part) for part in cut)
    # All but the last are full, and each would be less than full without what was put in last: at most an input's share of rows.
    longest = max((len(row) + 16 for part in arrays for row in part), default=0)
    assert all(part.nbytes >= size for part in cut[:-1])
    assert all(part.nbytes <= size + 2 * size + 6 * longest for part in cut)


def test_long_arrays_are_cut_before_they_are_split(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "PIECE_BYTES", 1000)
    seen = []
    split = build.split_tokens
    monkeypatch.setattr(build, "split_tokens", lambda rows, least: seen.append(rows.nbytes) or split(rows, least))
    make(tmp_path, text_of(10_000, train=["word " * 20] * 500))
    assert len(seen) > 20
    assert max(seen) < 3000


def test_the_manifest_tells_what_was_built(tmp_path):
    corpus = make(tmp_path, text_of(train=ROWS, validation=ROWS[:9]), vocab_size=4, min_chars=3)
    manifest = json.loads((tmp_path / "c-k" / "manifest.json").read_text(encoding="utf-8"))
    assert corpus.facts == manifest
    assert corpus.hash == manifest["hash"]
    assert corpus.folder == tmp_path / "c-k"
    assert (manifest["name"], manifest["words"], manifest["source"]) == ("c", 4, {"kind": "test"})
    assert manifest["rules"] == {
        "min_chars": 3,
        "lowercase": False,
        "numbers": 100,
        "stop_words": 0,
        "words": UnicodeRules().identity,
    }
    entries = sum(len(set(row.split()) & set(corpus.vocabulary)) for row in ROWS[:9] if len(row) >= 3)
    assert manifest["splits"]["validation"] == {
        "rows": 9,
        "entries": entries,
        "density": pytest.approx(entries / 9 / 4),
    }
    held_out = {word for row in ROWS[:9] if len(row) >= 3 for word in row.split()}
    assert manifest["held_out_words"] == len(held_out & set(corpus.vocabulary)) / 4
    count = Counter(word for row in ROWS if len(row) >= 3 for word in row.split())
    assert manifest["word_counts"] == {word: count[word] for word in corpus.vocabulary}
    assert manifest["build"]["text_bytes"] >= sum(map(len, ROWS)) + sum(map(len, ROWS[:9]))
    assert set(manifest["versions"]) == {"bows", "python", "numpy", "pyarrow"}
    names = {"vocabulary.txt"} | {f"{s}/{a}.npy" for s in ("train", "validation") for a in ("indptr", "indices")}
    assert set(manifest["files"]) == names
    assert left_in(tmp_path) == ["c-k"]
    assert {path.name for path in (tmp_path / "c-k").iterdir()} == {
        "manifest.json",
        "vocabulary.txt",
        "train",
        "validation",
    }


def test_the_content_hash_is_of_the_content_alone(tmp_path):
    first = make(tmp_path / "a", text_of(train=ROWS))
    assert make(tmp_path / "b", text_of(50, train=ROWS), key="other").hash == first.hash
    assert make(tmp_path / "c", text_of(train=[*ROWS[1:], ROWS[0]])).hash != first.hash


def test_a_whole_corpus_is_opened_and_not_built_again(tmp_path):
    built = make(tmp_path, text_of(train=ROWS))

    def unread():
        raise AssertionError("the text was read again")

    opened = open_or_build(tmp_path, CorpusPlan("c", "k", WordRules(), 1, [], 0.5), unread)
    assert (opened.hash, opened.vocabulary) == (built.hash, built.vocabulary)
    for split in built.splits:
        assert np.array_equal(opened.split(split).indices, built.split(split).indices)


def test_fewer_words_than_asked_and_absent_words_are_said(tmp_path, caplog):
    corpus = make(tmp_path, text_of(train=["a b"] * 4), vocab_size=3, include=["b", "never", "nowhere"])
    assert corpus.vocabulary == ["a", "b"]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "data.include (by default days, months and planets): not in the training rows, left out: never, nowhere",
        "data.vocab_size=3: the training rows hold only 2 words; using all of them",
    ]


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"train": ["short", "", "rows"]}, r"no words in the training rows of c: .* data\.min_chars=10 .*; lower"),
        ({"train": ["12345678901234567890"] * 3}, "no words in the training rows"),
        ({"train": []}, "the train split of c has no rows; give"),
        ({"train": ["long enough row"] * 3, "validation": []}, "the validation split of c has no rows; give"),
        ({"train": ["long enough row"]}, r"too little to hold out .*; give data\.validation"),
    ],
)
def test_text_that_makes_no_corpus_is_an_error_of_one_line(tmp_path, splits, said):
    with pytest.raises(DataError, match=said) as error:
        make(tmp_path, text_of(**splits), min_chars=10)
    assert "\n" not in str(error.value)
    assert left_in(tmp_path) == []


def test_a_failed_build_leaves_nothing_and_frees_the_lock(tmp_path):
    def breaks():
        yield pa.array(ROWS)
        raise RuntimeError("the text broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        make(tmp_path, Text({"train": breaks}, dict))
    assert left_in(tmp_path) == []
    with FileLock(tmp_path / ".c-k.lock", timeout=0):
        pass
    assert make(tmp_path, text_of(train=ROWS)).split("train").rows == 51


def test_leavings_of_a_killed_build_are_removed(tmp_path):
    stale, other = tmp_path / ".c-k.building-1", tmp_path / ".c-k2.building-1"
    for folder in (stale, other):
        (folder / "store").mkdir(parents=True)
    make(tmp_path, text_of(train=ROWS))
    assert left_in(tmp_path) == [other.name, "c-k"]  # another corpus may be building just now


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("bows.data.chunk_store.save_array", errno.ENOSPC),
        ("numpy.lib.format.write_array_header_1_0", errno.ENOSPC),
        ("bows.data.build.write_manifest", errno.EDQUOT),
        ("pathlib.Path.rename", errno.EACCES),
    ],
)
def test_disk_full_or_no_permission_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, place, code):
    def fail(*arguments, **options):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(place, fail)
        with pytest.raises(DataError, match=rf"cannot be written \({os.strerror(code)}\); .*outputs=<folder>") as error:
            make(tmp_path, text_of(train=ROWS))
    assert str(tmp_path / "c-k") in str(error.value)
    assert "\n" not in str(error.value)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("kind", [np.uint16, np.uint32, np.int64])
def test_an_array_is_written_in_parts(tmp_path, kind):
    parts = [np.arange(first, last, dtype=kind) for first, last in ((0, 5), (5, 5), (5, 70_000 % 65_536))]
    assert chunk_store.save_array(tmp_path / "a.npy", parts) == sum(map(len, parts))
    read = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert read.dtype == kind
    assert read.tolist() == np.concatenate(parts).tolist()


def test_an_array_on_a_full_disk_is_an_error():
    with pytest.raises(OSError, match="No space left"):
        chunk_store.save_array(Path("/dev/full"), [np.zeros(100_000)])


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"corpus folder .* cannot be written \(.*outputs=<folder>"):
        make(tmp_path / "file" / "corpora", text_of(train=ROWS))


def edit(path: Path, change) -> None:
    path.write_bytes(change(path.read_bytes()))


def edit_manifest(folder: Path, change) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest = change(manifest) or manifest
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


DAMAGE = {
    "truncated": lambda folder: edit(folder / "train" / "indices.npy", lambda data: data[:-2]),
    "emptied": lambda folder: edit(folder / "validation" / "indptr.npy", lambda data: b""),
    "one bit": lambda folder: edit(folder / "train" / "indptr.npy", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    "edited words": lambda folder: edit(folder / "vocabulary.txt", lambda data: data.replace(b"wa", b"wx")),
    "missing array": lambda folder: (folder / "train" / "indices.npy").unlink(),
    "missing split": lambda folder: shutil.rmtree(folder / "validation"),
    "missing manifest": lambda folder: (folder / "manifest.json").unlink(),
    "truncated manifest": lambda folder: edit(folder / "manifest.json", lambda data: data[: len(data) // 2]),
    "manifest of a list": lambda folder: edit_manifest(folder, lambda manifest: [1]),
    "files of a list": lambda folder: edit_manifest(folder, lambda manifest: manifest.update(files=[])),
    "files left out": lambda folder: edit_manifest(folder, lambda manifest: manifest["files"].popitem() and None),
    "a split too many": lambda folder: edit_manifest(folder, lambda manifest: manifest["splits"].update(test={})),
    "another hash": lambda folder: edit_manifest(folder, lambda manifest: manifest.update(hash="0" * 64)),
}


@pytest.mark.parametrize("damage", [*DAMAGE])
def test_a_damaged_corpus_is_noticed_and_built_again_with_a_warning(tmp_path, caplog, damage):
    from bows.data.corpus import open_corpus

    whole = make(tmp_path, text_of(train=ROWS))
    DAMAGE[damage](tmp_path / "c-k")
    with pytest.raises(DataError, match=r"^corpus folder .*c-k: .*; delete the folder to rebuild") as error:
        open_corpus(tmp_path / "c-k")
    assert "\n" not in str(error.value)
    caplog.clear()
    again = make(tmp_path, text_of(train=ROWS))
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning == str(error.value).partition(";")[0] + ": rebuilding it"
    assert again.hash == whole.hash
    assert open_corpus(tmp_path / "c-k").hash == whole.hash


def test_an_error_names_the_file_that_is_damaged(tmp_path):
    from bows.data.corpus import open_corpus

    make(tmp_path, text_of(train=ROWS))
    DAMAGE["missing array"](tmp_path / "c-k")
    with pytest.raises(DataError, match=r"train/indices\.npy is missing"):
        open_corpus(tmp_path / "c-k")
    make(tmp_path, text_of(train=ROWS))
    DAMAGE["edited words"](tmp_path / "c-k")
    with pytest.raises(DataError, match=r"vocabulary\.txt does not match its checksum"):
        open_corpus(tmp_path / "c-k")


def test_a_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="the corpus c has no split 'test'; it has train, validation"):
        make(tmp_path, text_of(train=ROWS)).split("test")


BUILDER = """
import logging, sys, time
from pathlib import Path
import pyarrow as pa
from bows.data.build import CorpusPlan, Text, open_or_build
from bows.data.tokenize import WordRules

logging.basicConfig(level=logging.INFO)
root = Path(sys.argv[1])

def stream():
    with (root / "built").open("a") as file:
        file.write("once\\n")
    while not (root / "go").exists():
        time.sleep(0.01)
    yield pa.array(["wa wb", "wb", "wc"])

text = lambda: Text({"train": stream}, lambda: {"kind": "test"})
print(open_or_build(root / "corpora", CorpusPlan("c", "k", WordRules(0), 9, [], 0.4), text).hash)
"""


def test_of_two_processes_one_builds_and_the_other_waits_and_uses_it(tmp_path, run_command):
    files = [tmp_path / f"{name}.txt" for name in ("first", "second", "first_said", "second_said")]
    with contextlib.ExitStack() as stack:
        first, second, *said = [stack.enter_context(file.open("w")) for file in files]
        running = [
            run_command.popen(["-c", BUILDER, tmp_path], stdout=out, stderr=err)
            for out, err in zip((first, second), said, strict=True)
        ]
        # One is in its build; the other must come to the lock and say so before the build may end.
        wait_for(running[0], (tmp_path / "built").exists)
        wait_for(running[1], lambda: any("waiting for another process" in file.read_text() for file in files[2:]))
        (tmp_path / "go").touch()
        codes = [process.wait() for process in running]
    assert codes == [0, 0], [file.read_text() for file in files]
    assert files[0].read_text() == files[1].read_text() != ""
    assert (tmp_path / "built").read_text() == "once\n"
    assert left_in(tmp_path / "corpora") == ["c-k"]


def test_who_waits_says_so(tmp_path, caplog):
    caplog.set_level(logging.INFO, "bows")
    held = FileLock(tmp_path / ".c-k.lock")
    held.acquire()
    opened = []
    waiting = threading.Thread(target=lambda: opened.append(make(tmp_path, text_of(train=ROWS))))
    waiting.start()
    while not caplog.records:
        assert waiting.is_alive()
    held.release()
    waiting.join()
    assert opened[0].split("train").rows == 51
    assert caplog.records[0].getMessage() == "waiting for another process that builds the corpus c"


def test_a_whole_corpus_opens_where_nothing_may_be_written(tmp_path, monkeypatch):
    """Built on one machine, shared read-only with others: not even the lock can be made."""
    import bows.data.build as build_module

    make(tmp_path, text_of(train=["one two"] * 20))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(build_module, "_lock", refuse)
    assert make(tmp_path, text_of(train=["one two"] * 20)).vocabulary


def test_an_edited_manifest_is_noticed(tmp_path, caplog):
    whole = make(tmp_path, text_of(train=ROWS))
    path = whole.folder / "manifest.json"
    path.write_text(path.read_text().replace('"rows": ', '"rows": 9'))
    with pytest.raises(DataError, match=r"manifest\.json was edited"):
        open_corpus(whole.folder)
    again = make(tmp_path, text_of(train=ROWS))
    assert "rebuilding" in caplog.text
    assert again.facts["splits"] == whole.facts["splits"]


def test_a_file_in_the_folders_place_is_replaced(tmp_path):
    folder = make(tmp_path, text_of(train=ROWS)).folder
    shutil.rmtree(folder)
    folder.write_text("in the way")
    assert make(tmp_path, text_of(train=ROWS)).folder.is_dir()
