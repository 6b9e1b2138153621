"""Vocabulary, latent size and epochs by the size of a user's own text."""

import gzip

import pytest

from bows.cli.text_defaults import LARGE, chosen_settings, with_text_defaults


@pytest.fixture
def text(tmp_path):
    """A text of 1.2 MB."""
    path = tmp_path / "my text.txt"
    path.write_bytes(b"x" * 1_200_000)
    return path


def test_a_small_text_gets_settings_of_its_size_each_with_its_reason(text):
    words, lines = with_text_defaults(["data=files", f"data.train='{text}'", "wd=1"])
    assert words[:3] == ["data=files", f"data.train='{text}'", "wd=1"]
    # 1,200,000 / 1,200 words; a dimension per 8 words, up to 128; two passes: 3,529 windows in batches of 16 are 220 steps, of 400.
    assert words[3:] == ["data.vocab_size=1000", "latent=128", "epochs=2"]
    assert [line.split(":")[0] for line in lines] == words[3:]
    assert all("the text has 1.2 MB; " in line for line in lines)


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (["latent=8"], ["data.vocab_size=1000", "epochs=2"]),
        (["model.latent=8", "epochs=3"], ["data.vocab_size=1000"]),
        (["latent=8,16"], ["data.vocab_size=1000", "epochs=2"]),
        (["data.vocab_size=50"], []),
        (["data.vocabulary=words.txt"], []),
        (["experiment=wikitext_months"], []),
        (["resume=outputs/runs/a"], []),
        (["resume=null"], ["data.vocab_size=1000", "latent=128", "epochs=2"]),
    ],
)
def test_what_the_user_gives_stays(text, given, added):
    command = ["data=files", f"data.train='{text}'", *given]
    assert with_text_defaults(command)[0] == [*command, *added]


@pytest.mark.parametrize(
    "command",
    [
        ["wd=1"],
        ["data=files", "data.train=-"],
        ["data=files", "data.train=no/such/file.txt"],
        ["data=files,pydoc", "data.train=my.txt"],
        ["data=files"],
    ],
)
def test_other_command_lines_stay_as_they_are(command):
    assert with_text_defaults(command) == (command, [])


def test_a_large_text_keeps_the_defaults_and_a_compressed_one_counts_as_what_it_holds(tmp_path):
    large, packed = tmp_path / "large.txt", tmp_path / "packed.txt.gz"
    with large.open("wb") as file:
        file.write(b"text ")
        file.truncate(LARGE)
    assert with_text_defaults(["data=files", f"data.train='{large}'"])[1] == []
    packed.write_bytes(gzip.compress(b"some text\n" * 60_000))
    words, _ = with_text_defaults(["data=files", f"data.train='{packed}'"])
    assert words[2:] == [f"{name}={value}" for name, value in chosen_settings(3 * packed.stat().st_size).items()]


def test_settings_grow_with_the_text():
    sizes = [10_000, 100_000, 1_000_000, 10_000_000]
    chosen = [chosen_settings(size) for size in sizes]
    for name in ("data.vocab_size", "latent"):
        values = [each[name] for each in chosen]
        assert values == sorted(values)
        assert len(set(values)) > 1
    assert chosen[0] == {"data.vocab_size": 100, "latent": 16, "epochs": 40}  # 400 steps would be 100 passes
    assert chosen[3]["epochs"] == 15  # as conf/train.yaml, where a text allows 16


def test_the_command_logs_the_reasons_and_stores_the_settings(tiny_text, tmp_path, run_command):
    run = tmp_path / "run"
    done = run_command(["bows.train", "data=files", f"data.train={tiny_text}", "data.window=4", "epochs=1", "analysis=none",
                        "logger=none", f"hydra.run.dir={run}", f"outputs={tmp_path}"])  # fmt: skip
    assert done.returncode == 0, done.stderr
    size = tiny_text.stat().st_size
    for line in (f"data.vocab_size=100: the text has {size / 1e6:.2g} MB; its words", "latent=16: the text has"):
        assert line in done.stderr
        assert line in (run / "train.log").read_text()
    stored = (run / ".hydra" / "overrides.yaml").read_text()
    assert "data.vocab_size=100" in stored
    assert "latent=16" in stored
    assert stored.count("epochs=") == 1
