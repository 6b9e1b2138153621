"""A run folder made by hand, small and with words that a page must take for text, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from pyarrow import parquet
from safetensors.torch import save_file

from bows.analysis.word_table import word_table
from bows.data.corpus import write_manifest

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
SEA = ["ship", "port", "sail", "anchor", "harbour", "wave", "tide", "fish", "net", "gull"]
HOSTILE = [
    "</script><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><svg/onload=window.hit=1>',
    "it's",
    "=1+1",
    "שלום",
    "👩‍👩‍👧",
    "{{7*7}}",
    "__proto__",
]
WORDS = [*MONTHS, *SEA, *HOSTILE, *(f"word{number}" for number in range(29))]
LATENT, WINDOW, ROWS = 6, 3, 120


class MadeRun:
    """A run folder and what went into it, for tests to compute what they expect."""

    def __init__(self, folder: Path):
        self.folder = folder
        generator = np.random.default_rng(3)
        count = len(WORDS)
        angle = 2 * np.pi * np.arange(12) / 12
        encoder = 0.25 * generator.standard_normal((LATENT, count))
        encoder[:2, :12] = np.stack([np.cos(angle), np.sin(angle)])
        encoder[2, 12:22] += 1.0
        self.encoder = encoder.astype(np.float32)
        self.bias = (-0.2 * generator.random(count)).astype(np.float32)
        self.rows = generator.random((ROWS, count)) < 0.12
        self.rows[:, 12:22] |= (generator.random((ROWS, 1)) < 0.3) & (generator.random((ROWS, 10)) < 0.6)
        self.bags = np.stack([self.rows[start : start + WINDOW].any(0) for start in range(ROWS - WINDOW + 1)])
        self.frequency = self.bags.mean(0)
        self.r2 = np.linspace(-0.1, 0.9, count)
        self.regimes = np.array([("absent", "linear", "mixed")[index % 3] for index in range(count)])
        self.write()

    def write(self) -> None:
        corpus = self.folder.parents[2] / "corpora" / "tiny-0123456789ab"
        (corpus / "validation").mkdir(parents=True)
        (corpus / "vocabulary.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
        np.save(corpus / "validation/indptr.npy", np.concatenate([[0], np.cumsum(self.rows.sum(1))]).astype(np.int64))
        np.save(corpus / "validation/indices.npy", np.nonzero(self.rows)[1].astype(np.uint16))
        corpus_hash = write_manifest(corpus, name="tiny", splits={"validation": {"rows": ROWS}})
        (self.folder / ".hydra").mkdir(parents=True)
        analysis = {
            "sets": {"months": MONTHS, "planets": ["Mercury", "Venus"]},
            "categories": {"sea": " ".join(SEA)},
            "regimes": {"absent": 0.05, "linear": 0.9, "antipodal": -0.9, "orthogonal": 0.1},
            "nearest_to": ["ship"],
        }
        config = {
            "seed": 1,
            "wd": 0.5,
            "latent": LATENT,
            "epochs": 2,
            "name": "<b>bold</b>",
            "data": {"_target_": "bows.data.factories.files", "name": "tiny", "window": WINDOW, "stride": 1, "seed": "${seed}"},
            "model": {"_target_": "bows.model.tied.Tied", "latent": "${latent}", "output_activation": "relu",
                      "latent_activation": "identity"},
            "optimizer": {"name": "adamw", "lr": 1e-3, "weight_decay": "${wd}"},
            "analysis": analysis,
        }  # fmt: skip
        (self.folder / ".hydra/config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        (self.folder / ".hydra/overrides.yaml").write_text('- model=tied\n- wd=0.5\n- "data.include=[it\'s]"\n')
        status = {
            "state": "completed",
            "error": None,
            "seconds": 12.25,
            "corpus": corpus_hash,
            "versions": {"torch": "2.13"},
        }
        (self.folder / "status.json").write_text(json.dumps(status))
        summary = {
            "reconstruction/r2": 0.51234567,
            "reconstruction/r2_linear": 0.4,
            "reconstruction/loss": 0.02,
            "ring/months/order": 0.98,
            "ring/months/order_p": 0.001,
            "packing/coherence": 0.9,
            "packing/welch_ratio": 3.0,
        }
        (self.folder / "summary.json").write_text(json.dumps(summary))
        (self.folder / "metrics.csv").write_text(
            "step,train/loss,reconstruction/loss,reconstruction/r2,ring/months/order\n0,0.9,,,\n10,0.5,0.6,0.1,0.4\n20,0.4,0.55,0.2,0.9\n"
        )
        encoder = torch.from_numpy(self.encoder)
        save_file(
            {"encoder.weight": encoder, "decoder.bias": torch.from_numpy(self.bias)}, self.folder / "model.safetensors"
        )
        (self.folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
        table = word_table(
            WORDS, encoder, neighbours=4, columns={
                "bias": self.bias, "frequency": self.frequency, "r2": np.ma.masked_array(self.r2, self.r2 > 0.89),
                "regime": np.ma.masked_array(self.regimes, np.arange(len(WORDS)) == 5),
            },
        )  # fmt: skip
        parquet.write_table(table, self.folder / "words.parquet")

    def rewrite_words(self, table: pa.Table) -> None:
        parquet.write_table(table, self.folder / "words.parquet")


@pytest.fixture
def made_run(tmp_path) -> MadeRun:
    return MadeRun(tmp_path / "runs" / "2026-01-01" / "12-00-00-tiny")
