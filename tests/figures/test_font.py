"""The small font: it writes what is common, and the whole one what it lacks."""

import threading

from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font

from bows.figures import font
from bows.figures.style import new_figure, save, style


def _picture(text):
    with style():
        figure = new_figure(2, 1)
        figure.text(0.1, 0.5, text)
    return figure


def test_the_small_font_has_the_letters_of_european_words_as_the_whole_one_draws_them():
    small, whole = (FT2Font(findfont(name)) for name in font.families()[:2])
    for letter in "aZ09é ßœžñ−²·…ᵢⱼ→≤∑“”–—€":
        place, reference = (face.load_char(ord(letter)) for face in (small, whole))
        assert small.get_char_index(ord(letter)) > 0, letter
        assert (place.width, place.height, place.horiAdvance) == (
            reference.width,
            reference.height,
            reference.horiAdvance,
        )


def test_a_word_in_another_script_takes_its_letters_from_the_whole_font(tmp_path):
    _, latin, _ = save(_picture("word"), tmp_path / "latin")
    _, georgian, _ = save(_picture("word სიტყვა"), tmp_path / "georgian")
    assert latin.read_bytes().count(b"/FontFile2") == 1
    assert georgian.read_bytes().count(b"/FontFile2") == 2


def test_installed_fonts_of_other_scripts_are_used(monkeypatch):
    monkeypatch.setattr(font.fontManager, "get_font_names", lambda: ["Other Font", "Unifont", "Noto Sans CJK JP"])
    font.families.cache_clear()
    try:
        assert font.families() == [font.COMMON, font.WHOLE, "Noto Sans CJK JP", "Unifont"]
    finally:
        font.families.cache_clear()


def test_a_character_that_no_font_has_is_reported_once_with_the_remedy(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(font.Warned, "flag", threading.Event())
    monkeypatch.setattr(font.fontManager, "get_font_names", list)
    font.families.cache_clear()
    try:
        for number in range(2):
            save(_picture("word 日 本"), tmp_path / str(number))
    finally:
        font.families.cache_clear()
    (record,) = caplog.records
    assert "U+65E5" in record.getMessage()
    assert "fonts-noto-cjk" in record.getMessage()


def test_a_second_process_finds_the_font_made(monkeypatch, tmp_path):
    monkeypatch.setattr(font.matplotlib, "get_cachedir", lambda: str(tmp_path))
    font.families.cache_clear()
    try:
        font.families()
        made = next(tmp_path.iterdir())
        written = made.stat().st_mtime_ns
        font.families.cache_clear()
        font.families()
        assert made.stat().st_mtime_ns == written
        assert len(list(tmp_path.iterdir())) == 1
    finally:
        font.families.cache_clear()


def test_saving_leaves_the_figure_as_it_was(tmp_path):
    figure = _picture("word")
    before = (figure.dpi, figure.canvas, figure.get_layout_engine())
    save(figure, tmp_path / "figure")
    assert (figure.dpi, figure.canvas, figure.get_layout_engine()) == before
