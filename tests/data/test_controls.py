"""Decorrelated controls: how often a word occurs stays exact, what it occurs with becomes chance, and nothing else moves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st

from bows.config.validate import check
from bows.data.controls import permute_words, permuted_corpus, with_control
from bows.data.corpus import Bags, Corpus, open_corpus
from bows.data.sources.synthetic import synthetic_corpus
from bows.data.windows import Windows
from bows.errors import SettingError


def dense(bags: Bags, words: int) -> np.ndarray:
    """(rows, words) zeros and ones, cell by cell; each row's words must be sorted and distinct."""
    table = np.zeros((bags.rows, words), np.int64)
    for row, (first, last) in enumerate(zip(bags.indptr, bags.indptr[1:], strict=False)):
        own = bags.indices[first:last].tolist()
        assert own == sorted(set(own))
        table[row, own] = 1
    assert bags.indptr[0] == 0
    assert len(bags.indices) == bags.indptr[-1]
    return table


def bags_of(table: np.ndarray, dtype=np.uint16) -> Bags:
    indptr = np.concatenate([[0], np.cumsum(table.sum(1))]).astype(np.int64)
    return Bags(indptr, np.nonzero(table)[1].astype(dtype))


def chance_units(table: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Covariances of columns in units of chance.

    Over all permutations of y, the covariance of x and y has mean 0 and variance var(x) var(y) / (rows - 1), where a permutation leaves the
    two variances as they are: squared, these units have mean 1 exactly.
    """
    others = table if others is None else others
    one, other = (each - each.mean(0) for each in (table, others))
    deviation = np.sqrt(np.outer(one.var(0), other.var(0)) / (len(table) - 1))
    return (one.T @ other / len(table)) / deviation


def pairs(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), 1)]


def circle(rows: int = 4000, seed: int = 0) -> Corpus:
    return synthetic_corpus("circle", "circular", 12, rows, rows // 4, 10.0, 0.0, seed)


@given(
    st.integers(1, 9).flatmap(
        lambda words: st.tuples(st.just(words), st.lists(st.sets(st.integers(0, words - 1)), min_size=1, max_size=15))
    ),
    st.booleans(),
    st.sampled_from([np.uint16, np.uint32]),
    st.data(),
)
def test_words_keep_their_counts_and_all_other_cells_their_place(case, together, dtype, data):
    words, rows = case
    table = np.array([[word in row for word in range(words)] for row in rows], int)
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, words - 1), min_size=1))))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    permuted = permute_words(bags_of(table, dtype), words, chosen, together, generator)
    assert (permuted.indptr.dtype, permuted.indices.dtype) == (np.int64, dtype)
    after = dense(permuted, words)
    assert after.sum(0).tolist() == table.sum(0).tolist()
    rest = np.setdiff1d(np.arange(words), chosen)
    assert np.array_equal(after[:, rest], table[:, rest])
    if together:  # the same rows in another order, seen by the chosen words alone
        assert sorted(map(tuple, after[:, chosen])) == sorted(map(tuple, table[:, chosen]))


def test_every_row_is_as_likely():
    words, rows = 5000, 8
    table = np.zeros((rows, words), int)
    table[0] = 1  # 5,000 words, each in the first row alone
    after = dense(permute_words(bags_of(table), words, np.arange(words), False, np.random.default_rng(0)), words)
    expected = words / rows
    chi_squared = ((after.sum(1) - expected) ** 2 / expected).sum()
    assert chi_squared < 24.3  # the 99.9 % point at 7 degrees of freedom


def test_a_shuffle_leaves_covariance_to_chance_in_every_split():
    corpus = circle()
    squares = {split: [] for split in corpus.splits}
    for seed in range(20):
        shuffled = permuted_corpus(corpus, None, False, seed)
        assert shuffled.vocabulary == corpus.vocabulary
        for split, bags in shuffled.splits.items():
            table = dense(bags, 12)
            assert table.sum(0).tolist() == corpus.split(split).frequencies(12).tolist()
            units = pairs(chance_units(table))
            assert np.abs(units).max() < 5
            squares[split].append(np.mean(units**2))
    for split, found in squares.items():
        # 66 pairs of 20 draws: a mean of 1,320 squares, whose deviation is sqrt(2 / 1320) = 0.04.
        assert np.mean(found) == pytest.approx(1, abs=0.16), split
        assert np.mean(pairs(chance_units(dense(corpus.split(split), 12))) ** 2) > 100


def test_words_rewired_each_by_itself_lose_each_other_and_the_rest():
    corpus, words = circle(), ["feature3", "feature4", "feature5", "feature9"]
    place, rest = [3, 4, 5, 9], [0, 1, 2, 6, 7, 8, 10, 11]
    before = dense(corpus.split("train"), 12)
    assert np.mean(chance_units(before[:, place], before[:, rest]) ** 2) > 100
    squares = {"own": [], "others": []}
    for seed in range(20):
        after = dense(permuted_corpus(corpus, words, False, seed).split("train"), 12)
        assert np.array_equal(after[:, rest], before[:, rest])
        squares["own"].append(np.mean(pairs(chance_units(after[:, place])) ** 2))
        squares["others"].append(np.mean(chance_units(after[:, place], after[:, rest]) ** 2))
    # 6 and 32 pairs of 20 draws; the deviation of the means is sqrt(2 / 120) = 0.13, and about 0.1, as the 8 others are correlated.
    assert np.mean(squares["own"]) == pytest.approx(1, abs=0.5)
    assert np.mean(squares["others"]) == pytest.approx(1, abs=0.4)


def test_words_rewired_together_keep_each_other_exactly_and_lose_the_rest():
    corpus, words = circle(), ["feature5", "feature3", "feature4"]
    place, rest = [3, 4, 5], [0, 1, 2, 6, 7, 8, 9, 10, 11]
    squares = []
    for seed in range(20):
        together = permuted_corpus(corpus, words, True, seed)
        for split, bags in corpus.splits.items():
            before, after = dense(bags, 12), dense(together.split(split), 12)
            own, kept = before[:, place], after[:, place]
            assert np.array_equal(kept.T @ kept, own.T @ own)
            assert not np.array_equal(kept, own)
            assert np.array_equal(after[:, rest], before[:, rest])
        squares.append(np.mean(chance_units(kept, after[:, rest]) ** 2))
    assert np.mean(squares) == pytest.approx(1, abs=0.6)  # 27 pairs, correlated on both sides, of 20 draws
    assert np.mean(chance_units(own, before[:, rest]) ** 2) > 100


def test_the_seed_fixes_the_draw_and_each_split_has_its_own():
    bags = circle().split("train")
    twins = replace(circle(), splits={"train": bags, "validation": bags})
    for words, together in ((None, False), (["feature1", "feature2"], False), (["feature1", "feature2"], True)):
        first, again, other = (permuted_corpus(twins, words, together, seed) for seed in (7, 7, 8))
        for split in twins.splits:
            assert np.array_equal(first.split(split).indices, again.split(split).indices)
            assert not np.array_equal(first.split(split).indices, other.split(split).indices)
        assert not np.array_equal(first.split("train").indices, first.split("validation").indices)


def test_the_hash_tells_every_control_from_the_corpus_and_from_each_other():
    corpus, pair = circle(), ["feature1", "feature2"]
    kinds = [
        (None, False, 0),
        (None, False, 1),
        (pair, False, 0),
        (pair, True, 0),
        (pair[:1], False, 0),
        (["feature0"], False, 0),
    ]
    hashes = {permuted_corpus(corpus, *kind).hash for kind in kinds}
    assert len(hashes | {corpus.hash}) == len(kinds) + 1
    assert permuted_corpus(corpus, pair[::-1], True, 0).hash == permuted_corpus(corpus, pair, True, 0).hash
    # Also where permuting cannot change anything: the corpus of a control is never taken for the text itself.
    full = replace(corpus, splits={"train": bags_of(np.ones((5, 12), int))})
    assert len({full.hash, *(permuted_corpus(full, None, False, seed).hash for seed in (0, 1))}) == 3


def test_without_a_control_the_corpus_is_the_very_same():
    def opened():
        raise AssertionError("opened")

    assert with_control(opened, {"shuffle": None, "seed": 0}) is opened


def test_words_that_are_not_there_are_named_in_one_line():
    with pytest.raises(SettingError) as error:
        permuted_corpus(circle(), ["feature1", "Mayy", "Junne"], False, 0)
    assert str(error.value) == (
        "data.rewire.words: not in the vocabulary of circle: Mayy, Junne (2 of 3); leave them out, or choose a vocabulary that has them"
    )


def test_a_word_in_bursts_is_in_more_windows_afterwards():
    rows, window, burst = 2000, 20, 20
    table = np.zeros((rows, 1), int)
    table[500 : 500 + burst] = 1
    shuffled = permute_words(bags_of(table), 1, np.arange(1), False, np.random.default_rng(0))
    before, after = (
        torch.cat(list(Windows(bags, 1, window, 1).batches(500))).sum() for bags in (bags_of(table), shuffled)
    )
    assert before == burst + window - 1
    # Of `burst` rows at random a window holds none with probability (1 - burst / rows)^window, about 0.82.
    assert after == pytest.approx((rows - window + 1) * (1 - 0.99**20), rel=0.1)


@pytest.fixture
def configured(compose, tiny_text):
    """The settings of data for overrides, checked as the command checks them."""

    def settings(*overrides: str, data: str = "files") -> dict:
        text = [f"data.train={tiny_text}", "data.min_chars=10"] if data == "files" else []
        config = compose(f"data={data}", *text, *overrides)
        check(config)
        return config["data"]

    return settings


def test_controls_are_settings_of_text_and_leave_the_corpus_on_disk_alone(configured):
    corpus = instantiate(configured(), _convert_="all").corpus
    shuffled = instantiate(configured("data.shuffle=within_word"), _convert_="all").corpus
    together = "data.rewire={words:[January,May,snow],together:true}"
    rewired = instantiate(configured(together), _convert_="all").corpus
    assert shuffled.folder == rewired.folder == corpus.folder
    assert open_corpus(corpus.folder).hash == corpus.hash  # its checksums hold
    assert len({corpus.hash, shuffled.hash, rewired.hash}) == 3
    words = len(corpus.vocabulary)
    place = [corpus.vocabulary.index(word) for word in ("January", "May", "snow")]
    for split in ("train", "validation"):
        before, all_of_them, some = (dense(each.split(split), words) for each in (corpus, shuffled, rewired))
        assert all_of_them.sum(0).tolist() == before.sum(0).tolist()
        assert (all_of_them != before).any(0).sum() > words / 2
        assert np.array_equal(np.delete(some, place, 1), np.delete(before, place, 1))
        assert np.array_equal(some[:, place].T @ some[:, place], before[:, place].T @ before[:, place])
    with pytest.raises(
        SettingError, match=r"^data\.rewire\.words: not in the vocabulary of files: Octember \(1 of 2\); "
    ):
        _ = instantiate(configured("data.rewire={words:[May,Octember]}"), _convert_="all").corpus


def test_controls_are_settings_of_synthetic_data(configured):
    plain, shuffled, rewired = (
        instantiate(configured(*overrides, data="circular"), _convert_="all").corpus
        for overrides in ([], ["data.shuffle=within_word"], ["data.rewire={words:[feature0]}"])
    )
    before = dense(plain.split("train"), 12)
    assert np.mean(pairs(chance_units(dense(shuffled.split("train"), 12))) ** 2) < 2
    after = dense(rewired.split("train"), 12)
    assert np.array_equal(after[:, 1:], before[:, 1:])
    assert np.abs(chance_units(after)[0, 1:]).max() < 5
    assert np.abs(chance_units(before)[0, 1:]).max() > 10


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.shuffle=rows"], r"data\.shuffle=rows is not allowed; allowed: within_word, or null"),
        (["data.split=random"], r"data\.split=random is not allowed; allowed: documents, overlapping"),
        (["data.rewire=[May]"], r"data\.rewire=\['May'\] is not allowed; allowed: \{words: .*, together: true or false\}, or null"),
        (["data.rewire={words:[]}"], r"data\.rewire\.words=\[\] is not allowed; allowed: a list, .*; at least 1 of them"),
        (["data.rewire={wrods:[May]}"], r"data\.rewire\.wrods: there is no such setting; did you mean data\.rewire\.words\?"),
        (["data.rewire={together:true}"], r"data\.rewire\.words is missing; give data\.rewire\.words="),
        (["data.rewire={words:[May],together:1}"], r"data\.rewire\.together=1 is not allowed; allowed: true or false"),
        (["data.rewire={words:[May]}", "data.shuffle=within_word"], r"data\.shuffle=within_word permutes every word, so data\.rewire"),
    ],
)  # fmt: skip
def test_impossible_settings_end_in_one_line_before_anything_is_made(configured, overrides, said):
    for data in ("files", "circular"):
        with pytest.raises(SettingError, match=f"^{said}") as error:
            configured(*overrides, data=data)
        assert "\n" not in str(error.value)
