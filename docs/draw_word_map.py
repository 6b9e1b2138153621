"""python docs/draw_word_map.py <run folder>: draw the README's picture of the word map, by chromium from the run's report.

The run is that of `python -m bows.train`. Needs playwright and an installed chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WORD = "socket"
PICTURE = Path(__file__).parents[1] / ".assets" / "word_map.png"


def main(run: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1320, "height": 5000})
        page.goto((run / "report.html").absolute().as_uri())
        page.wait_for_selector("html[data-ready=true]", state="attached")
        page.locator("#map-part input[type=search]").first.fill(WORD)
        page.keyboard.press("Enter")
        page.wait_for_timeout(1000)
        # The map and the card of the word, without the legend below.
        part, canvas = page.locator("#map-part").bounding_box(), page.locator("#map-canvas").bounding_box()
        page.screenshot(path=PICTURE, clip={**part, "height": canvas["y"] + canvas["height"] + 4 - part["y"]})
        browser.close()
    print(PICTURE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
