"""The figures' letters: a part of matplotlib's own font, small enough to be embedded in a PDF in no time."""

import os
from functools import cache
from pathlib import Path

import matplotlib
from fontTools import subset
from matplotlib.font_manager import findfont, fontManager
from matplotlib.ft2font import FT2Font

WHOLE = "DejaVu Sans"
# English and its neighbours, and the signs that figures use. A word with other letters takes those from the whole font.
LETTERS = [*range(0x20, 0x7F), *range(0xA0, 0x100), *map(ord, "ŒœŠšŽž–—‘’“”…•€−√∑≈≠≤≥→←↑↓ᵢⱼ")]
# Tables that take long to read and are not needed: kerning has a plain table of its own, and the figures' letters are hinted anew.
UNNEEDED = ("GDEF", "GSUB", "GPOS", "MATH", "FFTM")


@cache
def families() -> list[str]:
    """The font families to draw with, the small one first.

    A PDF holds the letters it uses, and cutting them out of the whole font takes a tenth of a second, half the time of a figure. The
    small font is made once, in matplotlib's own cache folder.
    """
    place = Path(matplotlib.get_cachedir()) / f"bows-letters-{matplotlib.__version__}.ttf"
    if not place.is_file():
        _make(place)
    fontManager.addfont(place)
    return [FT2Font(place).family_name, WHOLE]


def _make(place: Path) -> None:
    options = subset.Options(
        layout_features=[],
        legacy_kern=True,
        hinting=False,
        recommended_glyphs=True,
        name_IDs=["*"],
        name_languages=["*"],
    )
    options.drop_tables += UNNEEDED
    # Of several processes that come here at once, each leaves the same whole file.
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    with subset.load_font(findfont(WHOLE), options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=LETTERS)
        subsetter.subset(font)
        for record in font["name"].names:
            if record.nameID in {1, 4, 16}:  # family, full name, typographic family
                record.string = "DejaVu Sans letters"
            elif record.nameID == 6:  # PostScript name
                record.string = "DejaVuSansLetters"
        font.save(temporary)
    temporary.replace(place)
