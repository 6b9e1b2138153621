"""A run's page: how long it takes to write, how large it is, and how soon it answers in a browser."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

Row = tuple[str, float, str]  # what, value, unit

LARGE_MEGABYTES = 8
LARGE = ("data=files", "data.vocab_size=10000", "data.window=20", "data.batch_size=512", "latent=1000", "epochs=1",
         "trainer.limit_train_batches=4")  # fmt: skip
QUIET = (
    "logger=none",
    "analysis=full",
    "analysis.figures=false",
    "analysis.null_permutations=9",
    "analysis.permutations=9",
)


def pages() -> list[Row]:
    """report.html of a default run and of one of 10,000 words, m = 1000: seconds to write it by the command, its size, and, where chromium
    and playwright are there, seconds until it answers."""
    from bows.bench.text import write_text

    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        write_text(text, LARGE_MEGABYTES)
        for name, words, limits in (
            ("default run", ("epochs=2",), (5, 3)),
            ("V = 10,000, m = 1000", (*LARGE, f"data.train={text}"), (20, 8)),
        ):
            run = _run(folder, *words, *QUIET)
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "bows.report", str(run)], check=True, capture_output=True)
            seconds = time.perf_counter() - began
            page = run / "report.html"
            rows.append((f"{name}: the page written, from the command's start", seconds, f"s (at most {limits[0]})"))
            rows.append((f"{name}: its size", page.stat().st_size / 1e6, f"MB (at most {limits[1]})"))
            answers = _answers(page)
            if answers is not None:
                rows.append((f"{name}: opened and answering in chromium", answers, "s (at most 2)"))
    return rows


def _run(outputs: str, *overrides: str) -> Path:
    command = [sys.executable, "-m", "bows.train", *overrides]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "BOWS_OUTPUTS": outputs})
    states = sorted(Path(outputs).glob("runs/*/*/status.json"), key=lambda path: path.stat().st_mtime)
    if json.loads(states[-1].read_text(encoding="utf-8"))["state"] != "completed":
        raise RuntimeError(f"{states[-1].parent} did not complete")
    return states[-1].parent


def _answers(page: Path) -> float | None:
    """Seconds from the start of loading until the page's script is done and a frame is drawn; None without a browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if browser is None:
        return None
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        tab = opened.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]", state="attached")
        milliseconds = tab.evaluate(
            "() => new Promise(d => requestAnimationFrame(() => setTimeout(() => d(performance.now()))))"
        )
        opened.close()
    return milliseconds / 1e3
