"""Measure a run's report: seconds to write it, its size, and seconds until it responds in a browser."""

import shutil
import tempfile
from pathlib import Path

from bows.bench.commands import Row, seconds_of, train
from bows.bench.text import write_text

LARGE_MEGABYTES = 8
LARGE = ("data=files", "data.vocab_size=10000", "data.window=20", "data.batch_size=512", "latent=1000", "epochs=1",
         "trainer.limit_train_batches=4")  # fmt: skip
QUICK = ("logger=none", "analysis=full", "analysis.figures=false", "analysis.null_permutations=9",
         "analysis.permutations=9")  # fmt: skip


def pages() -> list[Row]:
    """Measure report.html of the default run and of one with 10,000 words, m = 1000; the browser where playwright finds chromium."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as outputs:
        text = Path(outputs) / "text.txt"
        write_text(text, LARGE_MEGABYTES)
        for name, overrides, limits in (
            ("default run", ("epochs=2",), (5, 3)),
            ("V = 10,000, m = 1000", (*LARGE, f"data.train={text}"), (20, 8)),
        ):
            run, _ = train(outputs, *overrides, *QUICK)
            seconds = seconds_of(["-m", "bows.report", str(run)], outputs)
            page = run / "report.html"
            rows.append((f"{name}: launch to report written", seconds, f"s (at most {limits[0]})"))
            rows.append((f"{name}: size of the report", page.stat().st_size / 1e6, f"MB (at most {limits[1]})"))
            if (responds := _seconds_in_browser(page)) is not None:
                rows.append((f"{name}: seconds until it responds in chromium", responds, "s (at most 2)"))
    return rows


def _seconds_in_browser(page: Path) -> float | None:
    """Return the seconds from loading until the page's script ended and a frame is drawn; None without a browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright  # an extra of the tests
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
