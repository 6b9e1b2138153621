"""The page of a run in a browser: what it draws, what it answers, and that it fetches nothing and runs nothing but its own script."""

import csv
import io
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from bows.analysis.catalog import metric
from bows.reports.comparison_report import write_comparison
from bows.reports.html import of_file
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
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], ignore_default_args=["--hide-scrollbars"]
        )
        yield launched
        launched.close()


# Positions on the map by neighbours: the words of SEA in the upper right corner, the others on a grid in the lower left.
PLACES = np.array([[8.0 + place % 4, 8.0 + place // 4] for place in range(10)])
GRID = np.array([[float(place % 8), float(place // 8)] for place in range(len(WORDS) - 10)])
AT = np.concatenate([GRID[:12], PLACES, GRID[12:]])


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> MadeRun:
    made = MadeRun(tmp_path_factory.mktemp("browser") / "runs" / "2026-01-01" / "12-00-00-tiny")
    table = parquet.read_table(made.folder / "words.parquet")
    for name, places in zip("xy", AT.T, strict=True):
        table = table.append_column(name, [places])
    made.rewrite_words(table)
    scan = made.folder / "analysis" / "2026-01-02"
    (scan / ".hydra").mkdir(parents=True)
    (scan / ".hydra" / "overrides.yaml").write_text("- scan=true")
    others = WORDS[30:]
    clusters = [{"kind": "cluster", "words": words, "p": 1e-5, "q": 0.01} for words in (others[:5], others[8:13])]
    parquet.write_table(pa.Table.from_pylist(clusters), scan / "found_sets.parquet")
    write_report(made.folder)
    return made


class Opened:
    """A page, and all that went wrong or out while it was open."""

    def __init__(self, page, path: Path):
        self.page, self.path, self.faults = page, path, []
        page.on(
            "console",
            lambda message: self.faults.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._asked)
        self.open()

    def open(self, state: str = ""):
        """Open the report in its first state, or in one of its address."""
        self.page.goto("about:blank")
        self.page.goto(self.path.as_uri() + state)
        self.page.wait_for_selector("html[data-ready=true]", state="attached")
        return self.page

    def _asked(self, request):
        if not request.url.startswith(("file:", "data:", "blob:")) or (
            request.url.startswith("file:") and self.page.url != "about:blank"
        ):
            self.faults.append(f"request: {request.url}")


@pytest.fixture(scope="module")
def shared(browser, run) -> Opened:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    return Opened(context.new_page(), run.folder / "report.html")


@pytest.fixture
def opened(shared):
    """Opens the one page of all tests in its first state; when the test ends, nothing may have gone wrong or out."""

    def open_page(state: str = "", width: int = 1280, scheme: str = "light"):
        shared.page.set_viewport_size({"width": width, "height": 900})
        shared.page.emulate_media(color_scheme=scheme)
        return shared.open(state)

    yield open_page
    assert shared.faults == []


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


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl(opened):
    page = opened()
    page.locator("#map-canvas").scroll_into_view_if_needed()
    box = page.locator("#map-canvas").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    plain, top = picture(page), page.evaluate("scrollY")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_function("before => document.getElementById('map-canvas').toDataURL() !== before", arg=plain)
    assert page.evaluate("scrollY") == top
    page.mouse.wheel(0, 90)
    page.wait_for_function("top => scrollY > top", arg=top)
    page.mouse.wheel(0, -90)
    page.wait_for_function("top => scrollY <= top", arg=top)


def on_canvas(page, place) -> tuple[float, float]:
    """Where a point of the map by neighbours is in the window, as the whole map is shown: one scale, 20 pixels of margin."""
    box = page.locator("#map-canvas").bounding_box()
    reach, middle = np.ptp(AT, axis=0) / 2, (AT.min(0) + AT.max(0)) / 2
    scale = min((box["width"] - 40) / (2 * reach[0]), (box["height"] - 40) / (2 * reach[1]))
    across, up = (np.asarray(place) - middle) * scale
    return box["x"] + box["width"] / 2 + across, box["y"] + box["height"] / 2 - up


def chosen(page) -> list[str]:
    return page.locator("#map-selection button.word").all_inner_texts()


def drag(page, *places) -> None:
    page.mouse.move(*on_canvas(page, places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*on_canvas(page, place), steps=4)
    page.mouse.up()


def test_words_are_chosen_by_box_and_lasso_and_the_address_holds_them(opened, run):
    page = opened()
    page.locator("#map-canvas").scroll_into_view_if_needed()
    page.get_by_role("button", name="Box").click()
    drag(page, (7.5, 7.5), (9.5, 9.5))
    square = {word for word, at in zip(WORDS, AT, strict=True) if (at > 7.5).all() and (at < 9.5).all()}
    assert square == {"ship", "port", "harbour", "wave"}
    assert set(chosen(page)) == square
    page.get_by_role("button", name="Lasso").click()
    drag(page, (7.5, 7.4), (9.7, 7.4), (7.5, 9.6))  # below the diagonal
    triangle = {"ship", "port", "harbour"}
    assert set(chosen(page)) == triangle
    panel = page.locator("#map-selection")
    assert "3 words chosen" in panel.inner_text()
    by_frequency = sorted(triangle, key=lambda word: -run.frequency[WORDS.index(word)])
    assert f"word={by_frequency[0]} 'context=[{','.join(by_frequency[1:])}]'" in panel.inner_text()
    panel.get_by_role("button", name="Gram").click()
    unit = run.encoder / np.linalg.norm(run.encoder, axis=0)
    one, other = (unit[:, WORDS.index(word)] for word in by_frequency[:2])
    told = panel.locator("rect.cell title").nth(1).text_content()
    assert told.startswith(f"{by_frequency[0]} and {by_frequency[1]}: ")
    assert number(told.rpartition(" ")[2]) == pytest.approx(one @ other, abs=2e-3)
    with page.expect_download() as download:
        panel.get_by_role("button", name="Save the chosen words as CSV").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert [row[0] for row in rows] == ["word", *by_frequency]
    find(page, "gull")
    page.select_option("#map-colour", label="regime")
    page.wait_for_function("() => location.hash.includes('word=gull') && location.hash.includes('outline=')")
    page = opened(page.evaluate("location.hash"))
    assert set(chosen(page)) == triangle
    assert page.locator("#word-card h3").inner_text() == "gull"
    assert page.locator("#map-colour").evaluate("each => each.selectedOptions[0].textContent") == "regime"
    page.locator("#map-selection").get_by_role("button", name="Clear").click()
    assert page.locator("#map-selection").is_hidden()


def labelled(page, kind: str = "words") -> set[str]:
    picture(page)
    return set((page.locator("#map-canvas").get_attribute(f"data-{kind}") or "").split("\n")) - {""}


def in_view(page, state: str, place) -> bool:
    """Whether a point of the map is inside the canvas, as the address tells what is shown."""
    zoom, x, y = (float(re.search(rf"[?&]{name}=([^&]+)", state)[1]) for name in ("zoom", "x", "y"))
    box = page.locator("#map-canvas").bounding_box()
    middle = (AT.min(0) + AT.max(0)) / 2
    moved = middle + (np.asarray(place) - middle - (x, y)) * zoom
    left, top = np.array(on_canvas(page, moved)) - (box["x"], box["y"])
    return 10 < left < box["width"] - 10 and 10 < top < box["height"] - 10


def test_groups_are_named_when_far_and_no_label_of_a_word_vanishes_by_zooming(opened):
    page = opened()
    page.locator("#map-canvas").scroll_into_view_if_needed()
    page.mouse.move(*on_canvas(page, (8.5, 8.5)))
    before, hash_before = labelled(page), ""
    assert labelled(page, "regions") >= {"sea", ", ".join(WORDS[30:33])}
    for _ in range(5):
        page.keyboard.down("Control")
        page.mouse.wheel(0, -100)
        page.keyboard.up("Control")
        page.wait_for_function("before => location.hash !== before", arg=hash_before)
        hash_before = page.evaluate("location.hash")
        now = labelled(page)
        assert {word for word in before if in_view(page, hash_before, AT[WORDS.index(word)])} <= now
        assert now
        before = now
    assert not labelled(page, "regions")


def test_the_saved_map_has_title_and_legend_and_fits_a_printed_page(opened):
    page = opened()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the map as SVG").click()
    texts = [each.text for each in ElementTree.parse(download.value.path()).getroot().iter(f"{SVG[:-3]}text")]
    assert texts[:2] == ["12-00-00-tiny: word map", "neighbours, coloured by category"]
    assert {"sea (10)", "no category (50)"} <= set(texts)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the map as PNG").click()
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20]) == 3000


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


# For what is wider than its box and scrolls: whether its bar takes room, and what it is.
BARS = """() => {
  const scrolls = (each) => !['visible', 'hidden'].includes(getComputedStyle(each).overflowX);
  const wider = (each) => each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1 && each.tagName !== 'INPUT';
  return [...document.querySelectorAll('main *')].filter((each) => wider(each) && scrolls(each))
    .map((each) => [each.offsetHeight - each.clientHeight > 5, each.className + each.tagName]);
}"""


def test_phone_width_has_no_sideways_scroll_and_what_is_wider_has_a_visible_bar(opened):
    page = opened(width=390)
    find(page, HOSTILE[0])
    for details in page.locator("summary").all():
        details.click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(RIGHTMOST) <= 390
        bars = page.evaluate(BARS)
        assert len(bars) > 2
        assert [name for has_bar, name in bars if not has_bar] == []


def test_figures_on_a_phone_are_neither_enlarged_nor_too_small_to_read(opened):
    page = opened(width=390)
    large = page.locator("figure.wide img").first
    for width, lowest in ((300, 300), (1000, 600)):
        drawn = f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='100'/>"
        large.evaluate("async (image, drawn) => { image.src = drawn; await image.decode(); }", drawn)
        assert lowest <= large.evaluate("each => each.clientWidth") <= width + 20  # its padding


def test_figures_with_much_text_have_the_whole_width(tmp_path):
    for name, width in (("small", 331.2), ("large", 504)):
        (tmp_path / f"{name}.svg").write_text(
            f'<?xml version="1.0"?>\n<svg xmlns:a="b" width="{width}pt" height="9pt"></svg>'
        )
    assert not of_file(tmp_path / "small.svg").large
    assert of_file(tmp_path / "large.svg").large


def test_a_comparison_on_a_phone_shows_the_values_of_all_runs(browser, run, tmp_path):
    others = [shutil.copytree(run.folder, tmp_path / name) for name in "abcd"]
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(write_comparison([run.folder, *others], tmp_path / "page.html").as_uri())
    ends = page.locator("#metric-table td.number").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().right)"
    )
    assert ends
    assert max(ends) <= 390
    page.close()


def test_dark_and_light_differ_and_text_and_figures_can_be_read(opened):
    page = opened()
    seen = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        seen.add(picture(page))
        least = page.evaluate(LEAST_CONTRAST)
        assert least[0] >= 4.5, least
        # Figures have dark lines on a transparent or white ground: they are on a light card in both.
        cards = page.locator("figure img").evaluate_all(
            "all => all.map((each) => getComputedStyle(each).backgroundColor)"
        )
        assert set(cards) == {"rgb(255, 255, 255)"}
    assert len(seen) == 2


def test_runs_side_by_side_move_together(browser, run):
    other = run.folder.parent / "13-00-00-other"
    shutil.copytree(run.folder, other)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((len(run.encoder),) * 2))[0].astype(np.float32)
    weights = {"encoder.weight": torch.from_numpy(turn @ run.encoder), "decoder.bias": torch.from_numpy(run.bias)}
    save_file(weights, other / "model.safetensors")
    target = write_comparison([run.folder, other], run.folder / "compared" / "report.html")
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    compared = Opened(page, target)

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
    assert compared.faults == []
    page.close()
