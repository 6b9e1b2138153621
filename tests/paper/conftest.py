"""Run folders made by hand."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import save_file

from bows.paper.runs import Run
from bows.runs.folder import RunFolder


@pytest.fixture
def make_run(tmp_path):
    def make(summary=(), words=None, encoder=None, vocabulary=("a",), **settings) -> Run:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in vocabulary))
        if words is not None:
            pq.write_table(pa.table(words), folder / "words.parquet")
        if encoder is not None:
            save_file({"encoder.weight": encoder.float().contiguous()}, folder / "model.safetensors")
        settings = {"seed": 0, "wd": 1, "latent": 4, "model": "tied", "data": "files", **settings}
        return Run(RunFolder(folder, summary=dict(summary)), settings)

    return make
