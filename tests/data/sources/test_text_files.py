"""Files of the user's own: every kind, and everything that can be wrong with them."""

import gzip
import json
import logging
import os
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bows.data.sources.text_files import files_identity, files_text, find_files
from bows.errors import DataError

ROWS = ["first row", "", "  third — ünïcode", "last"]


def as_bytes(kind: str, rows: list[str], tmp_path) -> bytes:
    if kind == "txt":
        return "".join(f"{row}\n" for row in rows).encode()
    if kind in ("jsonl", "json"):
        return "".join(json.dumps({"n": k, "words": row}) + "\n" for k, row in enumerate(rows)).encode()
    if kind == "csv":
        return ("n,words\n" + "".join(f'{k},"{row}"\n' for k, row in enumerate(rows))).encode()
    pq.write_table(pa.table({"n": range(len(rows)), "words": rows}), tmp_path / "made")
    return (tmp_path / "made").read_bytes()


def read(*paths, column="words") -> list[str | None]:
    text = files_text({"train": find_files("data.train", [str(path) for path in paths])}, column)
    return [row for rows in text.splits["train"]() for row in rows.to_pylist()]


def refusal(*paths, column="words") -> str:
    with pytest.raises(DataError) as error:
        read(*paths, column=column)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["txt", "jsonl", "json", "csv", "parquet"])
def test_every_kind_gives_its_rows_in_order(tmp_path, kind, packed):
    data = as_bytes(kind, ROWS, tmp_path)
    path = tmp_path / (f"text.{kind}" + ".gz" * packed)
    path.write_bytes(gzip.compress(data) if packed else data)
    assert [row or "" for row in read(path)] == ROWS  # CSV does not tell an empty text from none


def test_rows_of_txt_end_at_line_breaks_alone(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("one\r\ntwo\x0c\x85\u2028still two\n\nfour".encode())
    assert read(path) == ["one", "two\x0c\x85\u2028still two", "", "four"]


def test_a_json_array_and_nulls_are_read(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"words": "a"}, {"words": None}, {"n": 1}]))
    assert read(tmp_path / "a.json") == ["a", None, None]


def test_paths_globs_and_lists_name_files_in_order_each_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    for name in ("b.txt", "a.txt", "more/c.txt", "d[1].txt"):
        (tmp_path / name).write_text(name)
    assert read("*.txt") == ["a.txt", "b.txt", "d[1].txt"]
    assert read("b.txt", "?.txt", "**/*.txt") == ["b.txt", "a.txt", "d[1].txt", "more/c.txt"]
    assert [str(path) for path in find_files("data.train", "a.txt")] == ["a.txt"]


def test_a_name_with_the_signs_of_a_glob_is_a_name(tmp_path):
    folder = tmp_path / "[x]"
    folder.mkdir()
    (folder / "m[1]*.txt").write_text("here")
    assert read(folder / "m[1]*.txt") == ["here"]


def test_upper_case_suffixes_are_known(tmp_path):
    (tmp_path / "A.TXT").write_text("a")
    assert read(tmp_path / "A.TXT") == ["a"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
def test_bytes_that_are_not_utf8_are_replaced_counted_and_reported(tmp_path, caplog, kind, packed):
    data = as_bytes(kind, ["caf_ au lait", "plain", "__"], tmp_path).replace(b"_", b"\xe9")
    path = tmp_path / (f"latin.{kind}" + ".gz" * packed)
    path.write_bytes(gzip.compress(data) if packed else data)
    files = find_files("data.train", str(path))
    text = files_text({"train": files}, "words")
    rows = [row for part in text.splits["train"]() for row in part.to_pylist()]
    assert rows == ["caf\ufffd au lait", "plain", "\ufffd\ufffd"]
    assert text.facts() == {"kind": "files", "files": {"train": [str(path)]}, "bytes_replaced": 3}
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [f"{path}: 3 bytes are not UTF-8 and were replaced"]


def test_bytes_are_counted_over_files_and_anew_for_each_text(tmp_path, caplog):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(b"\xff\xfe x\n" * 40_000)
    files = {"train": [tmp_path / "a.txt"], "validation": [tmp_path / "b.txt"]}
    for _ in range(2):
        text = files_text(files, "text")
        assert sum(len(rows) for stream in text.splits.values() for rows in stream()) == 80_000
        assert text.facts()["bytes_replaced"] == 160_000


def test_a_broken_off_character_counts_all_its_bytes(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"two of three: \xe2\x82 x\n")
    text = files_text({"train": [tmp_path / "a.txt"]}, "text")
    assert next(text.splits["train"]()).to_pylist() == ["two of three: \ufffd x"]
    assert text.facts()["bytes_replaced"] == 2


def test_clean_files_are_not_reported(tmp_path, caplog):
    (tmp_path / "a.txt").write_text("ünï \ufffd\n", encoding="utf-8")  # the sign of replacement may stand in clean text
    assert read(tmp_path / "a.txt") == ["ünï \ufffd"]
    assert not caplog.records


NAMED = {
    "missing.txt": (None, "there is no such file; check the path"),
    "nothing*.txt": (None, "no file matches; check the path"),
    "empty.txt": (b"", "the file is empty; give"),
    "empty.txt.gz": (gzip.compress(b""), "the file is empty; give"),
    "binary.txt": (b"text\0\1\2", r"binary file .*; give UTF-8 text"),
    "utf16.csv": ("words".encode("utf-16"), r"binary file .*; give UTF-8 text"),
    "packed.jsonl.gz": (gzip.compress(b'{"words": "\0"}'), "binary file"),
    "word.docx": (b"x", r"unknown kind of file '\.docx'; allowed: \.txt, \.jsonl, \.json, \.csv, \.parquet"),
    "none": (b"x", "unknown kind of file ''; allowed"),
    "packed.gz": (gzip.compress(b"x"), "unknown kind of file ''; allowed"),
    "plain.txt.gz": (b"not packed", r"cannot be read \(.*\); check that the file is whole"),
}


@pytest.mark.parametrize("name", [*NAMED])
def test_what_is_wrong_with_a_path_names_the_setting_and_the_path(tmp_path, name):
    data, said = NAMED[name]
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert re.match(rf"data\.train={re.escape(str(tmp_path / name))}: .*{said}", refusal(tmp_path / name))


def test_a_folder_is_refused_with_a_glob_to_use(tmp_path):
    message = refusal(tmp_path)
    assert message == f"data.train={tmp_path}: this is a folder; name files, or a glob such as {tmp_path}/*.txt"


def test_the_setting_that_is_named_is_the_one_at_fault(tmp_path):
    with pytest.raises(DataError, match=r"^data\.validation="):
        find_files("data.validation", str(tmp_path / "missing.txt"))


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


BLOCK = os.urandom(60_000).hex().encode() + b"\n"
DAMAGED = {
    "short.txt.gz": gz(BLOCK * 3)[:-200],
    "header.txt.gz": gz(BLOCK)[:12] + b"\xff" * 40 + gz(BLOCK)[52:],
    "middle.txt.gz": gz(BLOCK * 3)[:-300] + b"\xff" * 40 + gz(BLOCK * 3)[-260:],
    "broken.jsonl": b'{"words": "a"}\n{"words": "b\n',
    "prose.jsonl": b"no json at all\n",
    "ragged.csv": b"words,n\na,1\nb,2,3,4\n",
    "not.parquet": b"PAR1, but no more than that",
}


@pytest.mark.parametrize("name", [*DAMAGED])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(DAMAGED[name])
    message = refusal(tmp_path / name)
    assert str(tmp_path / name) in message
    assert "cannot be read" in message
    assert message.endswith("check that the file is whole")


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data[:12] + b"\xff" * 12 + data[24:]])
def test_a_damaged_parquet_file_is_named(tmp_path, damage):
    path = tmp_path / "a.parquet"
    path.write_bytes(damage(as_bytes("parquet", ROWS, tmp_path)))
    assert re.match(rf"{re.escape(str(path))}: cannot be read as parquet \(.*\); check", refusal(path))


def test_parquet_text_that_is_not_utf8_is_refused(tmp_path):
    raw = pa.array([b"caf\xe9", b"x"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    pq.write_table(pa.table({"words": text}), tmp_path / "a.parquet")
    assert "cannot be read as parquet" in refusal(tmp_path / "a.parquet")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_missing_or_non_text_column_is_named_with_those_there(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(as_bytes(kind, ROWS, tmp_path))
    assert refusal(path, column="wrods") == f"data.column=wrods: {path} has no such column; it has n, words"
    assert refusal(path, column="n").startswith(f"data.column=n: this column of {path} holds int64, not text; choose")


def test_the_identity_is_of_kind_and_content_not_of_place(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text("words\nsame text\n")
    (tmp_path / "same.csv").write_text("words\nsame text\n")
    (tmp_path / "other.txt").write_text("words\nother text\n")
    one, two, csv, other = (
        files_identity({"train": [tmp_path / path]}) for path in ("one/one.txt", "two/two.txt", "same.csv", "other.txt")
    )
    assert one == two
    assert one != csv  # the same bytes, read in another way, are other rows
    assert one != other
    json.dumps(one)
