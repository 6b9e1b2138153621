"""The page of a run in a browser: what it draws, what it answers, and that it fetches nothing and runs nothing but its own script."""

import csv
import io
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from bows.analysis.catalog import metric
from bows.reports.comparison_report import write_comparison
from bows.reports.run_report import write_report

from .conftest import HOSTILE, WORDS, MadeRun

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed: apt-get install chromium")

# The least contrast of any text with what is behind it, and that text.
LEAST_CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number);
    return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'rgb(255,255,255)';
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    const svg = node.namespaceURI.endsWith('svg');
    if (!own || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const [one, other] = [light(svg ? style.fill : style.color), light(behind(node))].sort((a, b) => b - a);
    found.push([(one + 0.05) / (other + 0.05), node.tagName + ' ' + node.textContent.slice(0, 30)]);
  }
  return found.sort((a, b) => a[0] - b[0])[0];
}"""
SVG = "{http://www.w3.org/2000/svg}svg"
# How far to the right anything reaches that does not scroll by itself.
RIGHTMOST = """Math.max(...[...document.querySelectorAll('main *')]
  .filter((each) => !each.closest('.scroll, pre, svg')).map((each) => each.getBoundingClientRect().right))"""


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> MadeRun:
    made = MadeRun(tmp_path_factory.mktemp("browser") / "runs" / "2026-01-01" / "12-00-00-tiny")
    write_report(made.folder)
    return made


class Opened:
    """A page, and all that went wrong or out while it was open."""

    def __init__(self, page, path: Path):
        self.page, self.faults = page, []
        page.on(
            "console",
            lambda message: self.faults.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._asked)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=true]", state="attached")

    def _asked(self, request):
        if not request.url.startswith(("file:", "data:", "blob:")) or (
            request.url.startswith("file:") and self.page.url != "about:blank"
        ):
            self.faults.append(f"request: {request.url}")


@pytest.fixture
def opened(browser, run):
    """Opens a page of the run; when the test ends, nothing may have gone wrong or out."""
    contexts, pages = [], []

    def open_page(folder: Path = run.folder, **settings):
        context = browser.new_context(
            **({"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | settings)
        )
        contexts.append(context)
        pages.append(Opened(context.new_page(), folder / "report.html"))
        return pages[-1].page

    yield open_page
    for page in pages:
        assert page.faults == []
    for context in contexts:
        context.close()


def find(page, word: str, box: str = "Find a word") -> None:
    field = page.get_by_role("combobox", name=box)
    field.fill(word)
    field.press("Enter")


def picture(page) -> str:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate("document.getElementById('map-canvas').toDataURL()")


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def test_every_part_is_drawn(opened):
    page = opened()
    for part in ("map", "explainer", "table"):
        assert page.locator(f"#{part}-part").locator("svg, canvas, table").count(), part
    assert "fault in bows" not in page.inner_text("body")
    assert page.evaluate("window.hit") is None


def test_search_finds_a_word_and_lights_up_its_neighbours(opened, run):
    page = opened()
    before = picture(page)
    field = page.get_by_role("combobox", name="Find a word")
    field.fill("HARB")
    assert page.locator("#picker0-list li").all_inner_texts() == ["harbour"]
    field.press("ArrowDown")
    field.press("Enter")
    card = page.locator("#word-card")
    assert card.locator("h3").inner_text() == "harbour"
    index = WORDS.index("harbour")
    unit = run.encoder / np.linalg.norm(run.encoder, axis=0)
    cosines = unit[:, index] @ unit
    expected = [other for other in np.argsort(-cosines) if other != index][:4]
    assert [line.split() for line in card.locator(".near li").all_inner_texts()] == [
        [WORDS[other], f"{cosines[other]:.2f}".replace("-", "−")] for other in expected
    ]
    assert picture(page) != before
    card.locator(".near button").first.click()
    assert card.locator("h3").inner_text() == WORDS[expected[0]]
    field.fill("zzz")
    assert "No match" in page.locator("#map-part").inner_text()


def hover_any(page) -> str:
    """Move over the map until a word is told; its text."""
    box = page.locator("#map-canvas").bounding_box()
    for down in range(60, int(box["height"]), 9):
        for across in range(60, int(box["width"]) - 60, 9):
            page.mouse.move(box["x"] + across, box["y"] + down)
            if page.locator(".tip").is_visible():
                return page.locator(".tip").inner_text()
    raise AssertionError("no word was told anywhere on the map")


def test_hover_tells_a_word(opened, run):
    page = opened()
    page.locator("#map-canvas").scroll_into_view_if_needed()
    lines = hover_any(page).split("\n")
    index = WORDS.index(lines[0])
    told = dict(re.findall(r"(frequency|R²|regime) ([\w.−]+)", "\n".join(lines)))
    assert number(told["frequency"]) == pytest.approx(run.frequency[index], rel=1e-3)
    if "R²" in told:
        assert number(told["R²"]) == pytest.approx(run.r2[index], rel=1e-3)
    assert "nearest: " in lines[-1]


def test_colour_switches_and_the_legend_filters(opened, run):
    page = opened()
    legend = page.locator("#map-part .legend")
    assert "sea (10)" in " ".join(legend.inner_text().split())
    seen = {picture(page)}
    linear = (run.regimes == "linear").sum() - (run.regimes[5] == "linear")  # that of word 5 is not known
    for way, said in (("frequency", "frequency under"), ("regime", f"linear ({linear})"),
                      ("R²", "R² 0.75 or more"), ("ordered set", "months (12)")):  # fmt: skip
        page.select_option("#map-colour", label=way)
        assert said in " ".join(legend.inner_text().split())
        seen.add(picture(page))
    assert len(seen) == 5
    button = legend.get_by_role("button", name="months")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert picture(page) not in seen
    button.click()
    assert picture(page) in seen


def test_keys_move_zoom_look_and_let_go(opened):
    page = opened()
    canvas, told = page.locator("#map-canvas"), page.locator("#map-told")
    canvas.focus()
    canvas.press("ArrowRight")
    first = told.inner_text().split(":")[0]
    assert first in WORDS
    others = set()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        canvas.press(key)
        others.add(told.inner_text().split(":")[0])
    assert len(others) > 1
    canvas.press("Enter")
    assert page.locator("#word-card h3").inner_text() == told.inner_text().split(":")[0]
    canvas.press("Escape")
    assert page.locator("#word-card h3").count() == 0
    plain = picture(page)
    canvas.press("+")
    assert picture(page) != plain
    canvas.press("0")
    assert picture(page) == plain


def test_the_wheel_zooms_and_lets_the_page_scroll_where_it_cannot(opened):
    page = opened()
    page.locator("#map-canvas").scroll_into_view_if_needed()
    box = page.locator("#map-canvas").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    plain, top = picture(page), page.evaluate("scrollY")
    page.mouse.wheel(0, -300)
    page.wait_for_function("before => document.getElementById('map-canvas').toDataURL() !== before", arg=plain)
    assert page.evaluate("scrollY") == top
    page.mouse.wheel(0, 120)
    page.mouse.wheel(0, 600)
    page.mouse.wheel(0, 600)
    page.wait_for_function(f"scrollY > {top}")


def test_two_fingers_zoom(opened):
    page = opened()
    plain = picture(page)
    page.evaluate("""() => {
      const canvas = document.getElementById('map-canvas'), box = canvas.getBoundingClientRect();
      canvas.setPointerCapture = () => {};
      const send = (kind, pointerId, x) => canvas.dispatchEvent(
        new PointerEvent(kind, { pointerId, pointerType: 'touch', clientX: box.left + x, clientY: box.top + 150 }));
      send('pointerdown', 1, 100); send('pointerdown', 2, 160);
      send('pointermove', 1, 60); send('pointermove', 2, 260);
      send('pointerup', 1, 60); send('pointerup', 2, 260);
    }""")
    assert picture(page) != plain
    assert page.locator("#word-card h3").count() == 0


def test_the_table_sorts_and_filters(opened, run):
    page = opened()
    rows, note = page.locator("#word-table tbody tr"), page.locator("#table-part .controls")
    assert rows.count() == 25
    for order in (-1, 1):
        page.locator("#word-table th").get_by_role("button", name="frequency").click()
        shown = [number(cell) for cell in page.locator("#word-table tbody td:nth-child(2)").all_inner_texts()]
        expected = np.sort(run.frequency)[::order][:25]
        assert shown == pytest.approx(expected.tolist(), rel=1e-3)
    assert page.locator("th[aria-sort=ascending]").count() == 1
    for _ in range(2):  # what is not known comes last, whichever way it is sorted
        page.locator("#word-table th").get_by_role("button", name="r2", exact=True).click()
        assert "–" not in page.locator("#word-table tbody td:nth-child(3)").all_inner_texts()
    page.get_by_role("button", name="Next page").click()
    assert "26 to 50 of 60" in page.locator(".turns").inner_text()
    page.fill("#word-table-filter", "r2 > 0.5 regime=mixed")
    wanted = [
        word
        for word, r2, regime in zip(WORDS, run.r2, run.regimes, strict=True)
        if 0.5 < r2 <= 0.89 and regime == "mixed"
    ]
    assert sorted(rows.locator("th").all_inner_texts()) == sorted(wanted)
    page.fill("#word-table-filter", "ship")
    assert rows.locator("th").all_inner_texts() == ["ship"]
    page.fill("#word-table-filter", "length>1")
    assert "there is no column length" in note.inner_text()
    page.fill("#word-table-filter", "zzz")
    assert "no match" in page.locator(".turns").inner_text()


def test_a_word_explained_adds_up(opened, run):
    page = opened()
    find(page, "harbour", "Explain a word")
    part, index = page.locator("#explainer-part"), WORDS.index("harbour")
    towers = part.locator(".tower")
    assert towers.count() == 5
    gram = run.encoder.T @ run.encoder
    pre_activation = run.bags @ gram[index] + run.bias[index]
    for number_of_tower in range(5):
        towers.nth(number_of_tower).click()
        first, last = map(int, re.search(r"Rows (\d+) to (\d+)", part.inner_text()).groups())
        assert last == first + 2
        label = part.locator("figure svg").get_attribute("aria-label")
        shown = {
            name: number(value) for name, value in re.findall(r"(?:: |, |; )([^,;]+?) ([+−]?[\d.e−]+)(?=[,;]|$)", label)
        }
        assert shown.pop("total") == pytest.approx(pre_activation[first], rel=5e-3, abs=1e-3)
        assert sum(shown.values()) == pytest.approx(pre_activation[first], abs=0.02)
        assert "not additive" not in shown
        further = [name for name in shown if name.endswith("further words")]
        context = run.bags[first].sum() - run.bags[first, index]
        assert sum(name in WORDS for name in shown) == min(context, 14)
        assert further == ([f"{context - 14} further words"] if context > 14 else [])
        assert shown["bias"] == pytest.approx(run.bias[index], abs=1e-3)
        assert ("itself" in shown) == bool(run.bags[first, index])
        for word, value in shown.items():
            if word in WORDS:
                assert run.bags[first, WORDS.index(word)]
                assert value == pytest.approx(gram[index, WORDS.index(word)], rel=5e-3, abs=1e-3)


def test_hostile_words_are_text_everywhere(opened, run):
    page = opened()
    for word in HOSTILE:
        find(page, word)
        assert page.locator("#word-card h3").inner_text() == word
        assert page.locator("#explainer-part strong").first.inner_text() == word
    assert page.evaluate("window.hit") is None
    assert page.locator("script[src], iframe, main script").count() == 0
    page.fill("#word-table-filter", "hit")
    assert sorted(page.locator("#word-table tbody th").all_inner_texts()) == sorted(
        word for word in HOSTILE if "hit" in word
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == [word for word in WORDS if "hit" in word]
    page.fill("#word-table-filter", "word1")
    page.fill("#word-table-filter", "")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert rows[1 + WORDS.index("=1+1")][0] == "'=1+1"  # a spreadsheet takes it for text
    stored = parquet.read_table(run.folder / "words.parquet")
    assert set(rows[0]) == {*stored.column_names, "category"}
    column = {name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}
    assert column["frequency"] == [f"{value:.6g}" for value in stored.column("frequency").to_pylist()]
    assert column["nearest"][3] == " ".join(stored.column("nearest")[3].as_py())
    assert set(column["r2_linear"]) == {""}
    assert (
        "in the order of vocabulary.txt: most frequent in the training text first"
        in page.locator("#table-part .turns").inner_text()
    )


def test_drawings_and_images_are_saved(opened, run):
    page = opened()
    for name, kind in (
        ("Save this sum as SVG", "svg"),
        ("Save this sum as PNG", "png"),
        ("Save the map as PNG", "png"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        content = Path(download.value.path()).read_bytes()
        if kind == "svg":
            assert ElementTree.fromstring(content).tag == SVG
        else:
            assert content.startswith(b"\x89PNG")
    assert page.locator("figure img").evaluate_all(
        "images => images.every((image) => image.complete && image.naturalWidth > 100)"
    )
    with page.expect_download() as download:
        page.locator("figure", has=page.locator("img")).first.get_by_role("link", name="SVG").click()
    assert download.value.suggested_filename == "training_curves.svg"
    assert ElementTree.parse(download.value.path()).getroot().tag == SVG


def test_metrics_are_filtered(opened):
    page = opened()
    page.locator("summary", has_text="All metrics (7)").click()
    page.fill("#metric-filter", "months order_p")
    assert page.locator("#metric-table tbody tr:visible").all_inner_texts()[1:] == [
        f"ring/months/order_p\t0.001\t{metric('ring/months/order_p').meaning}"
    ]
    page.get_by_role("button", name="Copy").click()
    assert page.inner_text("#again") == "python -m bows.train model=tied wd=0.5 'data.include=[it'\"'\"'s]'"


def test_phone_width_has_no_sideways_scroll(opened):
    for scheme in ("light", "dark"):
        page = opened(viewport={"width": 390, "height": 800}, color_scheme=scheme, has_touch=True)
        find(page, HOSTILE[0])
        for details in page.locator("summary").all():
            details.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(RIGHTMOST) <= 390


def test_dark_and_light_differ_and_text_can_be_read(opened):
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        least = page.evaluate(LEAST_CONTRAST)
        assert least[0] >= 4.5, least


def test_runs_side_by_side_move_together(browser, opened, run):
    other = run.folder.parent / "13-00-00-other"
    shutil.copytree(run.folder, other)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((len(run.encoder),) * 2))[0].astype(np.float32)
    weights = {"encoder.weight": torch.from_numpy(turn @ run.encoder), "decoder.bias": torch.from_numpy(run.bias)}
    save_file(weights, other / "model.safetensors")
    target = write_comparison([run.folder, other], run.folder / "compared" / "report.html")
    page = opened(target.parent)

    def picture_of_both(before: str) -> str:
        """Wait until both maps show the same, and not what one showed before."""
        both = """before => {
          const [one, other] = [...document.querySelectorAll('#maps-part canvas')].map((canvas) => canvas.toDataURL());
          return one === other && one !== before && one;
        }"""
        return page.wait_for_function(both, arg=before).json_value()

    before = picture_of_both("")  # the same geometry, turned
    find(page, HOSTILE[0])
    lit = picture_of_both(before)
    assert page.locator("#map-told").inner_text().startswith(HOSTILE[0])
    page.locator("#maps-part canvas").first.press("Escape")
    page.locator("#maps-part canvas").first.press("+")
    assert picture_of_both(lit) != before
    assert page.locator("#word-table tbody tr").count() == 25
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
