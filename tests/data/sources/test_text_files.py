"""Files of one's own: every kind, plain and compressed, and everything that can be wrong with them."""

import bz2
import errno
import gzip
import io
import json
import logging
import lzma
import os
import re
import shutil
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bows.data.sources import readers, text_files
from bows.data.sources.text_files import files_identity, files_text, find_files
from bows.errors import DataError

ROWS = ["first row", "", "  third — ünïcode", "last"]


def as_bytes(kind: str, rows: list[str], tmp_path) -> bytes:
    if kind == "txt":
        return "".join(f"{row}\n" for row in rows).encode()
    if kind in ("jsonl", "json"):
        return "".join(json.dumps({"n": k, "words": row}) + "\n" for k, row in enumerate(rows)).encode()
    if kind in ("csv", "tsv"):
        comma = "," if kind == "csv" else "\t"
        return (f"n{comma}words\n" + "".join(f'{k}{comma}"{row}"\n' for k, row in enumerate(rows))).encode()
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


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


PACKED = {
    "": bytes,
    ".gz": gzip.compress,
    ".GZ": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}
KINDS = ["txt", "jsonl", "json", "csv", "tsv", "parquet"]
TEXT_KINDS = [kind for kind in KINDS if kind != "parquet"]


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_its_rows_in_order(tmp_path, kind, packing):
    data = as_bytes(kind, ROWS, tmp_path)
    path = tmp_path / f"text.{kind.upper() if packing == '.GZ' else kind}{packing}"
    path.write_bytes(PACKED[packing](data))
    assert read(path) == ROWS


@pytest.mark.parametrize("kind", TEXT_KINDS)
@pytest.mark.parametrize("packing", ["", ".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, kind, packing, encoding):
    data = as_bytes(kind, ROWS, tmp_path).decode().encode(encoding)
    path = tmp_path / f"text.{kind}{packing}"
    path.write_bytes(PACKED[packing](data))
    assert read(path) == ROWS


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("kind", TEXT_KINDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_rows_do_not_depend_on_blocks(tmp_path, monkeypatch, kind, block, encoding):
    data = as_bytes(kind, ROWS, tmp_path).decode().replace("\n", "\r\n")
    path = tmp_path / f"text.{kind}"
    path.write_bytes(("\ufeff" + data).encode(encoding) if encoding != "utf-8" else data.encode())
    monkeypatch.setattr(readers, "BLOCK_BYTES", max(block, 64) if encoding != "utf-8" else block)
    monkeypatch.setattr(readers, "ROWS_AT_A_TIME", 1 + block % 3)
    assert read(path) == ROWS


CELLS = ["null", "None", "NA", "nan", "", "1", "2.50", "2001-01-01", "true", "1e5", "word", "-", "NULL", "N/A", "inf"]


@pytest.mark.parametrize("kind", KINDS)
def test_cells_are_text_whatever_they_look_like(tmp_path, kind):
    path = tmp_path / f"cells.{kind}"
    path.write_bytes(as_bytes(kind, CELLS, tmp_path))
    assert read(path) == CELLS


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_numbers_for_ten_thousand_rows_do_not_make_a_column_of_numbers(tmp_path, kind):
    rows = [""] * 30_000 + ["7"] * 30_000 + ["word"]
    path = tmp_path / f"cells.{kind}"
    path.write_text("words\n" + "\n".join(row or '""' for row in rows) + "\n")
    assert read(path) == rows


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_quoted_cells_hold_separators_quotes_and_line_breaks(tmp_path, kind):
    path = tmp_path / f"quoted.{kind}"
    comma = "," if kind == "csv" else "\t"
    path.write_text(f'n{comma}words\n1{comma}"a{comma}b ""c""\nd"\n2{comma}plain\n', newline="")
    assert read(path) == [f'a{comma}b "c"\nd', "plain"]


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_empty_cells_beyond_the_header_are_skipped_and_counted(tmp_path, caplog, packing):
    path = tmp_path / f"trailing.csv{packing}"
    path.write_bytes(PACKED[packing](b"words,label\nalpha beta,red,\ngamma,red,,\ndelta,blue\n"))
    text = files_text({"train": [path]}, "words")
    assert [row for rows in text.splits["train"]() for row in rows.to_pylist()] == ["alpha beta", "gamma", "delta"]
    assert text.facts()["cells_skipped"] == 3
    assert "3 empty cells without a column in the header were skipped" in caplog.text


def test_the_header_may_have_the_trailing_comma_too(tmp_path):
    (tmp_path / "a.csv").write_text("words,\nalpha,\n")
    assert read(tmp_path / "a.csv") == ["alpha"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["alpha beta,red blue,green"], "line 2 has 3 cells and the header 2"),
        (["a,1", '"b\nc\nd",2', "e,1,more", '"f\ng",3'], "line 6 has 3 cells and the header 2"),
        (["a,1", "b"], "line 3 has 1 cells and the header 2"),
        (["a,1", '"b,2', "c,3"], "line 4: unexpected end of data"),
        (["a,1", '"b"c,2'], "line 3: ',' expected after '\"'"),
    ],
)
def test_a_row_that_does_not_fit_the_header_is_named(tmp_path, rows, said):
    (tmp_path / "a.csv").write_text("\n".join(["words,label", *rows, ""]))
    assert said in refusal(tmp_path / "a.csv")


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("words,words\na,b\n")
    assert (
        refusal(tmp_path / "a.csv")
        == f"data.column=words: {tmp_path / 'a.csv'} has 2 columns of this name; rename them"
    )


@pytest.mark.parametrize("place", [0, 1, 30_000])
@pytest.mark.parametrize("value", [5, 2.5, True, ["a b", "c"], {"a": "b"}])
def test_json_that_is_not_text_is_refused_wherever_it_is(tmp_path, place, value):
    values = ["word"] * 40_000
    values[place] = value
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"words": value}) + "\n" for value in values))
    message = refusal(tmp_path / "a.jsonl")
    assert message.startswith(
        f"data.column=words: row {place + 1} of {tmp_path / 'a.jsonl'} holds {json.dumps(value)}, not text"
    )


def test_only_the_text_column_of_json_is_looked_at(tmp_path):
    """Nulls for 20 MB, another key that changes its type, and a key that is met late."""
    rows = [{"n": 1}] * 60_000 + [{"words": None, "n": "two"}] * 40_000 + [{"words": "late", "n": [3]}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + " " * 200 + "\n" for row in rows))
    found = read(tmp_path / "a.jsonl")
    assert (len(found), found[-1], set(found[:-1])) == (100_001, "late", {None})


def test_half_a_surrogate_pair_in_json_is_replaced_and_counted(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"words": "a\\ud83d\\ude00b\\ud83dc"}\n')
    text = files_text({"train": [tmp_path / "a.jsonl"]}, "words")
    assert next(text.splits["train"]()).to_pylist() == ["a\U0001f600b\ufffdc"]
    assert text.facts()["bytes_replaced"] == 1


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.null()]
)
def test_every_type_of_text_in_parquet_is_read(tmp_path, kind):
    rows = [None, None] if kind == pa.null() else ["a b", None, "c"]
    pq.write_table(pa.table({"words": pa.array(rows, kind)}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == rows


def test_row_groups_without_rows_are_skipped(tmp_path):
    table = pa.table({"words": ["a", "b"]})
    with pq.ParquetWriter(tmp_path / "a.parquet", table.schema) as writer:
        for part in (table[:0], table, table[:0], table[:1]):
            writer.write_table(part)
    pq.write_table(table[:0], tmp_path / "empty.parquet")
    assert read(tmp_path / "a.parquet", tmp_path / "empty.parquet") == ["a", "b", "a"]


def test_a_folder_gives_the_files_of_known_kinds_in_it(tmp_path, caplog):
    for name in ("b.txt", "a/c.txt.gz", "a/notes.md", ".hidden.txt", "z.TXT"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(gzip.compress(name.encode()) if name.endswith(".gz") else name.encode())
    assert read(tmp_path) == ["a/c.txt.gz", "b.txt", "z.TXT"]
    assert "1 files of other kinds are not read" in caplog.text
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").startswith(
        f"data.train={tmp_path / 'empty'}: no file of a known kind in this folder; allowed"
    )


def test_standard_input_is_read_once(monkeypatch):
    text_files._standard_input.cache_clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    assert read("-") == ["one", "two"]
    assert read("-") == ["one", "two"]
    text_files._standard_input.cache_clear()


def test_standard_input_from_a_terminal_is_refused(monkeypatch):
    text_files._standard_input.cache_clear()
    monkeypatch.setattr(sys, "stdin", None)
    assert refusal("-") == "data.train=-: standard input is a terminal; give text by a pipe, or a file"


def test_a_full_folder_for_temporary_files_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(as_bytes("parquet", ROWS, tmp_path)))

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    assert re.match(
        rf"{re.escape(str(path))}: cannot be unpacked \(.*No space left.*\); free space in .*, or set TMPDIR",
        refusal(path),
    )


def test_a_name_with_colons_is_a_name(tmp_path):
    (tmp_path / "a::b.txt").write_text("here")
    assert read(tmp_path / "a::b.txt") == ["here"]


def test_local_files_need_no_library_of_the_hub(tmp_path, monkeypatch):
    """Nor any of its cache folders: HOME may not exist."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    for kind in KINDS:
        (tmp_path / f"a.{kind}").write_bytes(as_bytes(kind, ROWS, tmp_path))
        assert read(tmp_path / f"a.{kind}") == ROWS


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
@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_bytes_that_are_not_utf8_are_replaced_counted_and_reported(tmp_path, caplog, kind, packed):
    data = as_bytes(kind, ["caf_ au lait", "plain", "__"], tmp_path).replace(b"_", b"\xe9")
    path = tmp_path / (f"latin.{kind}" + ".gz" * packed)
    path.write_bytes(gzip.compress(data) if packed else data)
    files = find_files("data.train", str(path))
    text = files_text({"train": files}, "words")
    rows = [row for part in text.splits["train"]() for row in part.to_pylist()]
    assert rows == ["caf\ufffd au lait", "plain", "\ufffd\ufffd"]
    assert text.facts() == {"kind": "files", "files": {"train": [str(path)]}, "bytes_replaced": 3, "cells_skipped": 0}
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
    "utf16.csv": ("words".encode("utf-16-le"), r"binary file .*; give UTF-8 text"),
    "packed.jsonl.gz": (gzip.compress(b'{"words": "\0"}'), "binary file"),
    "word.docx": (b"x", r"unknown kind of file '\.docx'; allowed: \.txt, \.jsonl, \.json, \.csv, \.tsv, \.parquet"),
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
    "short.txt.bz2": bz2.compress(BLOCK * 3)[:-200],
    "short.txt.xz": lzma.compress(BLOCK * 3)[:-200],
    "short.txt.zst": zstd(BLOCK * 3)[:-200],
    "not.parquet": b"PAR1, but no more than that",
}


@pytest.mark.parametrize("name", [*DAMAGED])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(DAMAGED[name])
    message = refusal(tmp_path / name)
    assert str(tmp_path / name) in message
    assert "cannot be read" in message
    assert message.endswith("check that the file is whole")


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data.replace(b"first row", b"\xff" * 9)])
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
    if kind == "csv":
        assert read(path, column="n") == ["0", "1", "2", "3"]
    elif kind == "jsonl":
        assert refusal(path, column="n").startswith(f"data.column=n: row 1 of {path} holds 0, not text; ")
    else:
        assert refusal(path, column="n").startswith(f"data.column=n: this column of {path} holds int64, not text; ")


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
