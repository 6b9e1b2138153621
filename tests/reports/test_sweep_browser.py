"""The page of a sweep in a browser: its table sorts and filters, two runs are compared, and it runs nothing but its own script."""

import shutil
from pathlib import Path

import pytest

from bows.reports import sweep_data
from bows.reports import sweep_report as sweep_page
from bows.reports.sweep_report import write_sweep_report

from .sweep_folders import write_run

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed: apt-get install chromium")

HOSTILE = "</script><img src=x onerror=window.hit=1>"
WORDS = ["sea", HOSTILE, "=1+1", "שלום", "ship"]
R2 = {"0": [0.5, 0.25, None, 0.125, -9.0, 0.1], "1": [0.25, 0.75, 0.5, 0.125, 0.5, 0.1]}


def words_of(run: str) -> dict:
    # A word that only one of two runs has stands among the others in one of them, so that these are not at like places.
    frequency = [0.5, 0.4, 0.3, 0.2, 0.1, 0.05 if run == "0" else 0.45]
    return {"word": [*WORDS, f"only in {run}"], "frequency": frequency, "r2": R2[run]}


def written(folder: Path, monkeypatch) -> Path:
    """The page without its figures, which take seconds and which nothing here looks at."""
    monkeypatch.setattr(sweep_page, "draw", lambda *args: ([], []))
    return write_sweep_report(folder)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def shared(browser):
    """The one page of all tests, and the faults and requests of it since it was opened last."""
    page, faults, requests = browser.new_page(accept_downloads=True), [], []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: requests.append(asked.url))
    return page, faults, requests


@pytest.fixture
def opened(shared):
    """Opens a page; when the test ends, nothing may have gone wrong, or out, or been run that is not the page's own."""
    page, faults, requests = shared
    addresses = []

    def open_page(path: Path, width: int = 1280, scheme: str = "light"):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto("about:blank")
        requests.clear()
        addresses[:] = [path.as_uri()]
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=true]", state="attached")
        return page

    yield open_page
    assert page.evaluate("window.hit") is None
    assert faults == []
    assert requests == addresses


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """Runs 0 to 2 completed, the third without words; 3 failed; 4 of a hostile name failed. The last run's own page is there."""
    folder = tmp_path_factory.mktemp("sweep") / "sweep"
    write_run(
        folder / "0", {"wd": 1, "model": "tied"}, {"reconstruction/r2": 0.5, "ring/months/order": 0.9}, words_of("0")
    )
    write_run(
        folder / "1",
        {"wd": 10, "model": "linear"},
        {"reconstruction/r2": 0.25, "interference/gap": -0.5},
        words_of("1"),
    )
    write_run(folder / "2", {"wd": 2, "model": "tied"}, {"reconstruction/r2": 0.75})
    write_run(folder / "3", {"wd": 2, "model": HOSTILE}, state="failed", error=HOSTILE)
    write_run(folder / "<b>bold", {"wd": 2, "model": "tied"}, state="failed", error="no room")
    (folder / "2" / "report.html").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        return written(folder, patch)


def cells(page, column: str, table: str = "run-table") -> list[str]:
    """The texts of a column, from the top."""
    heads = [
        head.split(" ▲")[0].split(" ×")[0].splitlines()[0].strip().removesuffix("×")
        for head in page.locator(f"#{table} thead th").all_inner_texts()
    ]
    rows = page.locator(f"#{table} tbody tr")
    return [row.locator("th, td").nth(heads.index(column)).inner_text() for row in rows.all()]


def test_runs_sort_by_a_column_and_what_is_missing_comes_last(opened, sweep):
    page = opened(sweep)
    assert cells(page, "run") == ["0", "1", "2", "3", "<b>bold"]
    assert cells(page, "reconstruction/r2") == ["0.5", "0.25", "0.75", "–", "–"]
    head = page.locator("#run-table th", has_text="reconstruction/r2")
    head.locator("button").first.click()
    assert head.get_attribute("aria-sort") == "descending"
    assert cells(page, "run") == ["2", "0", "1", "3", "<b>bold"]
    page.keyboard.press("Enter")  # the button that was pressed has the focus still
    assert head.get_attribute("aria-sort") == "ascending"
    assert cells(page, "run") == ["1", "0", "2", "3", "<b>bold"]
    page.locator("#run-table th", has_text="wd").locator("button").click()
    assert cells(page, "wd") == ["10", "2", "2", "2", "1"]


@pytest.mark.parametrize(
    ("filtered", "left"),
    [
        ("wd=2", ["2", "3", "<b>bold"]),
        ("wd >= 2 tied", ["2", "<b>bold"]),
        ("state=failed", ["3", "<b>bold"]),
        ("reconstruction/r2>0.3", ["0", "2"]),
        ("interference/gap<0", ["1"]),
        ("interference/gap=–  state=completed", ["0", "2"]),
        ("<B>BOLD", None),
        ("bold", ["<b>bold"]),
        ("nothing", []),
    ],
)
def test_runs_are_filtered(opened, sweep, filtered, left):
    page = opened(sweep)
    page.fill("#run-table-filter", filtered)
    if left is None:  # there is no column of that name: said, and the table stays
        assert "there is no column" in page.locator(".controls", has=page.locator("#run-table-filter")).inner_text()
    else:
        assert cells(page, "run") == left


def test_metrics_that_some_runs_lack_are_counted_and_any_can_be_a_column(opened, sweep):
    page = opened(sweep)
    assert "not in 2 of 3" in page.locator("#run-table th", has_text="interference/gap").inner_text()
    assert "not in" not in page.locator("#run-table th", has_text="reconstruction/r2").inner_text()
    said = page.locator("details", has_text="metrics are missing").first
    assert "2 metrics are missing in some of the 3 completed runs" in said.inner_text()
    page.fill("#metric-wanted", "ring/months/order")
    page.keyboard.press("Enter")
    assert cells(page, "ring/months/order") == ["0.9", "–", "–", "–", "–"]
    page.get_by_label("Remove the column ring/months/order").click()
    assert page.locator("#run-table th", has_text="ring/months/order").count() == 0
    page.fill("#metric-wanted", HOSTILE)
    page.keyboard.press("Enter")
    assert f"No run has the metric {HOSTILE}" in page.locator("#runs-part").inner_text()


def test_two_runs_are_compared_word_by_word(opened, sweep):
    page = opened(sweep)
    assert "Choose two runs" in page.locator("#compare-part").inner_text()
    page.get_by_label("Compare run 0 as A").click()
    page.get_by_label("Compare run 1 as B").click()
    assert page.get_by_label("Compare run 0 as A").get_attribute("aria-pressed") == "true"
    assert page.get_by_label("Compare run 2 as A").get_attribute("aria-pressed") == "false"
    said = page.locator("#compare-part").inner_text()
    assert "differ in wd: 1 and 10; model: tied and linear." in said
    assert "5 words are in both (A has 6 here, B 6); R² is higher in B for 2, in A for 1, unknown for 1." in said
    assert cells(page, "word", "compared-words") == ["ship", HOSTILE, "שלום", "sea", "=1+1"]
    assert cells(page, "R² in A", "compared-words") == ["-9", "0.25", "0.125", "0.5", "–"]
    assert cells(page, "R² in B", "compared-words") == ["0.5", "0.75", "0.125", "0.25", "0.5"]
    assert page.locator("#compared-words tbody tr td:last-child").all_inner_texts() == [
        "+9.5",
        "+0.5",
        "0",
        "−0.25",
        "–",
    ]
    assert [round(float(each), 3) for each in cells(page, "frequency", "compared-words")] == [0.1, 0.4, 0.2, 0.5, 0.3]
    page.fill("#compared-words-filter", "gain>0 A>0")
    assert cells(page, "word", "compared-words") == [HOSTILE]
    with page.expect_download() as download:
        page.locator("#compare-part button", has_text="CSV").first.click()
    assert HOSTILE in Path(download.value.path()).read_text(encoding="utf-8-sig")
    page.locator("summary", has_text="metrics of A and B").click()
    assert cells(page, "A", "compared-metrics") == ["–", "0.5", "0.9"]
    page.locator("button", has_text="Swap").click()
    assert page.locator("#compare-A").input_value() == "1"
    page.select_option("#compare-B", "2")
    assert "The words of B are not in this report" in page.locator("#compare-part").inner_text()
    assert page.locator("#compare-A option").nth(4).is_disabled()  # of run 3, which failed


def test_a_failed_job_stands_with_its_error_and_only_runs_with_a_page_are_links(opened, sweep):
    page = opened(sweep)
    assert f"3\tfailed\t{HOSTILE}" in page.locator("section", has=page.locator("#problems")).inner_text()
    assert page.locator("#run-table a").evaluate_all("links => links.map((link) => link.getAttribute('href'))") == [
        "./2/report.html"
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_does_not_scroll_sideways(opened, sweep, scheme):
    page = opened(sweep, width=360, scheme=scheme)
    page.get_by_label("Compare run 0 as A").click()
    page.get_by_label("Compare run 1 as B").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ink, paper = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    brightness = [sum(map(int, colour[4:-1].split(","))) for colour in (ink, paper)]
    assert (brightness[0] < brightness[1]) == (scheme == "light")


def test_two_hundred_runs_of_hundreds_of_metrics_are_shown_25_at_a_time(opened, tmp_path, monkeypatch):
    words = [f"word{number}" for number in range(500)]
    for number in range(200):
        summary = {f"group{metric % 7}/metric{metric}": number * 0.5 + metric for metric in range(300)} | {
            "reconstruction/r2": -number / 7
        }
        of_run = {"word": words, "frequency": [0.5] * 500, "r2": [number / 200] * 500} if number < 3 else None
        write_run(tmp_path / "sweep" / str(number), {"wd": number % 10, "seed": number}, summary, of_run)
    path = written(tmp_path / "sweep", monkeypatch)
    assert path.stat().st_size < 1_000_000
    page = opened(path)
    assert "1 to 25 of 200" in page.locator("#runs-part").inner_text()
    assert page.locator("#run-table tbody tr").count() == 25
    assert page.locator("*").count() < 10_000  # not an element per run and metric
    page.locator("#run-table th", has_text="reconstruction/r2").get_by_role("button").first.click()
    assert cells(page, "run")[:2] == ["0", "1"]
    page.get_by_label("Next page").first.click()
    assert cells(page, "run")[0] == "25"


def test_what_the_page_could_not_hold_is_said_in_it(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_data, "MOST_WORDS", 4)
    write_run(tmp_path / "sweep" / "0", {"wd": 1}, {"reconstruction/r2": 0.5}, words_of("0"))
    page = opened(written(tmp_path / "sweep", monkeypatch))
    assert (
        "the 4 most frequent words are in this report"
        in page.locator("section", has=page.locator("#compare")).inner_text()
    )


def choose(page, control: str, text: str) -> None:
    page.select_option(f"#chart-{control}", label=text)


def numbers_of(page) -> list[list[str]]:
    """The rows of the chart's own table: the setting's value, the line, mean, low, high, seeds."""
    return [row.locator("td").all_text_contents() for row in page.locator("#chart-part tbody tr").all()]


def test_any_metric_is_drawn_against_any_setting(opened, tmp_path, monkeypatch):
    number = 0
    for model in ("tied", HOSTILE):
        for wd in (0, 1, 10):
            for seed in range(1, 5 if (model, wd) == ("tied", 1) else 3):
                summary = {"reconstruction/r2": wd + seed / 10} | ({"mine/<b>": 5.0} if wd == 10 else {})
                write_run(tmp_path / "sweep" / str(number), {"seed": seed, "wd": wd, "model": model}, summary)
                number += 1
    page = opened(written(tmp_path / "sweep", monkeypatch))
    choose(page, "setting", "wd")
    choose(page, "lines", "model")
    rows = numbers_of(page)
    assert [row[:2] for row in rows] == [
        [wd, f"model {model}"] for model in (HOSTILE, "tied") for wd in ("0", "1", "10")
    ]
    assert rows[1][2:] == ["1.15", "–", "–", "2"]  # two seeds are points, without an interval
    assert rows[4][2:] == ["1.25", "1.045", "1.455", "4"]  # Student's t: 3.1824 * 0.1291 / 2 to either side
    assert [page.locator(f"#chart-part .{part}").count() for part in ("mean", "interval", "seed")] == [6, 1, 10]
    choose(page, "lines", "nothing")
    assert page.locator("#chart-part .mean").count() == 3
    choose(page, "setting", "model")
    assert [row[0] for row in numbers_of(page)] == [HOSTILE, "tied"]  # at the first wd
    assert numbers_of(page)[0][2] == "0.15"
    page.get_by_label("at wd").select_option("10")
    assert numbers_of(page)[0][2] == "10.15"
    choose(page, "setting", "wd")
    choose(page, "lines", "nothing")
    choose(page, "metric", "mine/<b>")
    assert "Missing for 2 of 3 settings." in page.locator("#chart-part figcaption").inner_text()
    assert [row[2] for row in numbers_of(page)] == ["–", "–", "5"]


def test_a_sweep_over_seeds_alone_says_that_there_is_no_setting(opened, tmp_path, monkeypatch):
    for seed in (1, 2):
        write_run(tmp_path / "sweep" / str(seed), {"seed": seed}, {"reconstruction/r2": 0.5})
    page = opened(written(tmp_path / "sweep", monkeypatch))
    assert "differ only in their seeds" in page.locator("#chart-part").inner_text()
