"""The table of texts without direct evidence, from runs made by hand over a small corpus."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bows.data.corpus import Bags
from bows.data.windows import Windows
from bows.figures.style import save
from bows.paper import removal
from bows.paper.drawings import DRAWINGS
from bows.paper.word_lists import MONTHS

ROWS = [[0, 1], [0], [], [1, 12], [2, 3, 12], [12]]  # month 0 and 1; month 0; empty; ...


def data_of(rows: list[list[int]], window: int = 2, out: tuple[int, ...] = ()) -> SimpleNamespace:
    """What a run's data are asked for: bags and windows of the training rows, without windows of these numbers."""
    bags = Bags(np.cumsum([0, *map(len, rows)]), np.array([word for row in rows for word in row], np.uint16))
    windows = Windows(bags, 13, window, 1)
    windows = windows.only(torch.tensor([number for number in range(len(windows)) if number not in out]))
    return SimpleNamespace(corpus=SimpleNamespace(split=lambda _: bags), windows=lambda _: windows)


def test_shares_of_what_was_left_out_and_means_over_seeds(make_run, tmp_path):
    remove = {"words": list(MONTHS), "at_least": 2, "unit": "row"}
    texts = {
        "as it is": (None, data_of(ROWS), 0.9),
        "rows": (remove, data_of([[], [0], [], [1, 12], [], [12]]), 0.8),
        "windows": ({**remove, "unit": "window"}, data_of(ROWS, out=(0, 3, 4)), 0.7),
        "between": ({"between": ["war"]}, data_of([[word for word in row if word < 12] for row in ROWS]), 0.6),
        "shuffled": (
            None,
            data_of([[0], [0, 1], [2], [1, 12], [3], [12, 3]]),
            0.1,
        ),  # fewer empty rows than the text as it is
    }
    runs = []
    for name, (own, data, order) in texts.items():
        shuffle = "within_word" if name == "shuffled" else None
        for seed in (1, 2):
            summary = {
                "ring/months/order": order + seed / 100,
                "ring/months/order_p": seed / 100,
                "ring/months/shape": 4.0 - seed,
            }
            encoder = torch.eye(13)
            run = make_run(
                summary,
                encoder=encoder,
                vocabulary=[*MONTHS, "war"],
                seed=seed,
                shuffle=shuffle,
                rewire=None,
                remove=own,
            )
            run.__dict__["data"] = data
            runs.append(run)
    table = removal.scores(runs)
    rows = {row["text"]: row for row in table.to_pylist()}
    assert list(rows) == list(texts)
    assert [rows["shuffled"][f"{unit}_removed"] for unit in ("rows", "windows", "cells")] == [None, None, None]
    texts.pop("shuffled")
    assert [rows[text]["rows_removed"] for text in texts] == pytest.approx([0, 2 / 5, 0, 1 / 5])
    assert [rows[text]["windows_removed"] for text in texts] == pytest.approx([0, 0, 3 / 5, 0])
    assert [rows[text]["cells_removed"] for text in texts] == pytest.approx([0, 5 / 9, 0, 3 / 9])
    # Of the windows of two rows: 0, 3 and 4 have two months.
    assert [rows[text]["windows_with_two"] for text in texts] == pytest.approx([3 / 5, 0, 0, 3 / 5])
    assert rows["rows"]["order"] == pytest.approx(0.815)
    assert (rows["rows"]["order_p"], rows["rows"]["rings"], rows["rows"]["closure"]) == (0.02, 1, None)
    assert save(DRAWINGS["removal"][1].draw(table), tmp_path / "figure")[0].is_file()


def test_texts_are_told_apart(make_run):
    none = {"shuffle": None, "rewire": None}
    words = {"words": ["May"], "at_least": 2}
    for settings, text in (
        ({"remove": {**words, "unit": "window", "between": ["snow"]}}, "both"),
        ({"remove": words}, "rows"),
        ({"remove": None, "rewire": words}, "apart"),
        ({"remove": None, "shuffle": "within_word"}, "shuffled"),
    ):
        assert removal.text_of(make_run(**{**none, **settings})) == text
