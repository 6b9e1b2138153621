"""The fonts of the figures: a subset of matplotlib's own, all of it, and installed fonts for the scripts that it lacks."""

import logging
import os
import re
import threading
from functools import cache
from pathlib import Path
from typing import Protocol

import matplotlib
from matplotlib.font_manager import FontEntry, findfont, fontManager

log = logging.getLogger(__name__)

WHOLE = "DejaVu Sans"
COMMON = "bows common letters"
# English and its neighbours, and the signs that figures use.
UNICODES = (
    "20-7E,A0-FF,152-153,160-161,178,17D-17E,1D62,2013-2014,2018-2019,201C-201D,2022,2026,20AC,2190-2193,2211-2212,221A,2248,2260,2264-2265,"
    "2C7C"
)
# Fonts for other scripts, by their names on Linux, macOS and Windows.
OTHERS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR", "Source Han Sans", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "IPAGothic", "TakaoGothic", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic",
    "Microsoft YaHei", "Malgun Gothic", "NanumGothic", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai",
    "Nirmala UI", "Arial Unicode MS", "FreeSans", "Unifont",
)  # fmt: skip


@cache
def families() -> list[str]:
    """Return the font families to draw with, in the order in which a character is looked for.

    First the common letters of DejaVu Sans in a small file, which is made once, in matplotlib's cache folder: a PDF embeds the letters
    that it uses, and matplotlib takes 0.17 s to cut them out of the whole font, 0.06 s out of the small one (a run draws about six).
    """
    installed = set(fontManager.get_font_names())
    others = [name for name in OTHERS if name in installed]
    place = Path(matplotlib.get_cachedir()) / f"bows-common-letters-{matplotlib.__version__}.ttf"
    if not place.is_file():
        from fontTools import subset  # takes as long to import as matplotlib, and only the first figure ever needs it

        temporary = place.with_name(f".{place.name}.{os.getpid()}")  # of several processes, each writes a whole file
        options = ["--layout-features=", "--legacy-kern", "--no-hinting", "--drop-tables+=GDEF,GSUB,GPOS,MATH,FFTM"]
        subset.main([findfont(WHOLE), f"--unicodes={UNICODES}", *options, f"--output-file={temporary}"])
        temporary.replace(place)
    fontManager.ttflist.append(FontEntry(fname=str(place), name=COMMON, weight=400))
    return [COMMON, WHOLE, *others]


class Flag(Protocol):
    """An event of threading or multiprocessing."""

    def is_set(self) -> bool: ...
    def set(self) -> None: ...


class Warned:
    """Whether missing characters have been reported; the processes of one pool share the flag."""

    flag: Flag = threading.Event()


def warn_of_missing(message: str) -> bool:
    """Log once that no font has a character. Return whether the message is matplotlib's warning of a missing one."""
    if not (found := re.match(r"Glyph (\d+) .*missing from", message)):
        return False
    if not Warned.flag.is_set():
        Warned.flag.set()
        code = int(found[1])
        log.warning(
            "figures: no installed font has %r (U+%04X); such characters are drawn as boxes. Install a font that has them, such as "
            "Noto Sans CJK (package fonts-noto-cjk) for Chinese, Japanese and Korean, and delete matplotlib's font list in %s",
            chr(code), code, matplotlib.get_cachedir(),
        )  # fmt: skip
    return True
