"""Words by the rules of data.words: every script, every setting, and the table of the documentation."""

import re
import unicodedata
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bows.data.tokenize import Tokenizer, WordRules, split_tokens
from bows.data.unicode_words import UnicodeRules
from bows.errors import SettingError

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "words.md"
WHOLE = UnicodeRules(dictionary="none")


def words_of(text: str, lowercase: bool = False, stop_words: frozenset[str] = frozenset(), **settings) -> list[str]:
    rules = UnicodeRules(**{"dictionary": "none", **settings})
    return WordRules(0, lowercase, 100, stop_words, words=rules).words_of(text)


# A word of every script with living users, as its readers write it; those with marks are the ones that a rule for letters cuts.
SCRIPTS = {
    "Latin": "naïve", "Greek": "ελληνικά", "Cyrillic": "русский", "Armenian": "հայերեն", "Georgian": "ქართული",
    "Hebrew": "שָׁלוֹם", "Arabic": "كِتَابٌ", "Syriac": "ܐܰܒܳܐ", "Thaana": "ދިވެހި", "NKo": "ߒߞߏ߫", "Devanagari": "शनिवार",
    "Bengali": "বাংলা", "Gurmukhi": "ਪੰਜਾਬੀ", "Gujarati": "ગુજરાતી", "Oriya": "ଓଡ଼ିଆ", "Tamil": "தமிழ்", "Telugu": "తెలుగు",
    "Kannada": "ಕನ್ನಡ", "Malayalam": "മലയാളം", "Sinhala": "සිංහල", "Thai": "ภาษาไทย", "Lao": "ພາສາລາວ", "Tibetan": "བོད",
    "Myanmar": "မြန်မာ", "Ethiopic": "አማርኛ", "Cherokee": "ᏣᎳᎩ", "Khmer": "ភាសាខ្មែរ", "Mongolian": "ᠮᠣᠩᠭᠣᠯ", "Hangul": "한국어",
    "Han": "中国", "Hiragana": "ひらがな", "Katakana": "カタカナー", "Bopomofo": "ㄅㄆㄇ", "Yi": "ꆈꌠ", "Javanese": "ꦗꦮ", "Balinese": "ᬩᬮᬶ",
    "Tifinagh": "ⵜⴰⵎⴰⵣⵉⵖⵜ", "Adlam": "𞤀𞤣𞤤𞤢𞤥", "Vietnamese": "Tiếng", "Persian": "می\u200cخواهم",
}  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("around", ["{}", "({}),", "“{}”", "—{}…", "'{}'", "«{}».", "\u200f{}\u200e", "¿{}?"])
def test_a_word_of_any_script_is_one_word(script, form, around):
    word = SCRIPTS[script]
    assert words_of(around.format(unicodedata.normalize(form, word))) == [unicodedata.normalize("NFC", word)]


LETTERS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Lu", "Ll", "Lt", "Lo"}]
MARKS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Mn", "Mc"} and code != 0xFE0F]


def test_every_letter_of_unicode_is_a_word_and_keeps_its_marks():
    """All of unicodedata, one letter after another, alone and with a mark of any script."""
    marked = [letter + MARKS[place % len(MARKS)] for place, letter in enumerate(LETTERS)]
    for words in (LETTERS, marked):
        normal = [unicodedata.normalize("NFC", word) for word in words]
        tokens = split_tokens(pa.array(words, pa.large_string()), 0)
        chunk = Tokenizer(WordRules(0, numbers=None, words=WHOLE)).words(tokens)
        found = [
            [chunk.words[id].as_py() for id in chunk.ids[k : k + 1] if id < len(chunk.words)] for k in range(len(words))
        ]
        assert chunk.per_row.tolist() == [1] * len(words)
        wrong = [(word, got) for word, got in zip(normal, found, strict=True) if got != [word]]
        assert wrong == []


@pytest.mark.parametrize("apostrophe", "'’‘ʼ`´＇‛′")
def test_all_apostrophes_are_one(apostrophe):
    text = "don't it's they'll O'Brien l'homme d'État aujourd'hui м'яч dell'arte I'd've rock'n'roll".replace(
        "'", apostrophe
    )
    expected = ["it", "they", "O'Brien", "homme", "État", "aujourd'hui", "м'яч", "arte", "I", "rock'n'roll"]
    assert words_of(text) == expected


def test_no_letter_is_left_of_contractions_elisions_and_abbreviations():
    text = "don't can’t it's he'd I'm we've U.S. U.K. e.g. i.e. Ph.D. a.m. J.R.R. l'eau d'un s'il 's n't l' d' 'll the U.S.'s"
    left = [word for word in words_of(text) if len(word) == 1]
    assert left == ["I"]


def documented() -> list[tuple[str, str, str]]:
    """Rows of the table of examples: text, words, and the setting that they need."""
    return re.findall(r"^\| `(.+?)` \| (`.*?`) \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("text", "words", "setting"), documented())
def test_the_documented_examples(text, words, setting):
    settings = dict(pair.split("=") for pair in re.findall(r"`(.+?)`", setting))
    lowercase = settings.pop("lowercase", "false") == "true"
    settings = {name.removeprefix("words."): {"true": True}.get(value, value) for name, value in settings.items()}
    assert words_of(text, lowercase, **settings) == re.findall(r"`(.+?)`", words)


def test_the_table_has_an_example_of_every_setting():
    assert len(documented()) == 25
    named = " ".join(setting for _, _, setting in documented())
    assert all(f"words.{name}=" in named for name in {field.name for field in fields(UnicodeRules)} - {"dictionary"})


@given(st.text(alphabet=st.sampled_from("aéB1.,'-_’ \u00a0\u200b\u00ad\u0301中ไสカ@"), max_size=20))
def test_a_row_gives_the_words_of_its_tokens(row):
    apart = [word for token in row.split() for word in words_of(token)]
    assert words_of(row) == apart


def test_icu_segments_scripts_without_spaces():
    pytest.importorskip("icu4py")
    assert words_of("ภาษาไทย วันจันทร์, 日本語の本", dictionary="icu") == [
        "ภาษา",
        "ไทย",
        "วัน",
        "จันทร์",
        "日本語",
        "の",
        "本",
    ]
    assert words_of("ภาษาไทย", dictionary="auto") == ["ภาษา", "ไทย"]
    assert words_of("don't l'homme 中国", dictionary="icu") == ["homme", "中国"]


def test_without_icu_runs_stay_whole_or_the_setting_is_refused(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    assert words_of("ภาษาไทย", dictionary="auto") == ["ภาษาไทย"]
    assert UnicodeRules(dictionary="auto").identity["dictionary"] is None
    with pytest.raises(SettingError, match=r"^data\.words\.dictionary=icu: ICU is not installed; .*bows\[icu\]"):
        words_of("ภาษาไทย", dictionary="icu")


@pytest.mark.parametrize(
    ("turkish_i", "folded"),
    [
        (False, ["istanbul", "τουσ", "strasse", "diyarbakir", "strasse", "fi"]),
        (True, ["istanbul", "τουσ", "strasse", "dıyarbakır", "strasse", "fi"]),
    ],
)
def test_case_is_folded_in_one_way(turkish_i, folded):
    text = "İstanbul ΤΟΥΣ STRASSE DIYARBAKIR Straße ﬁ"
    assert words_of(text, True, turkish_i=turkish_i) == folded
    stop_words = frozenset(folded)
    assert words_of(text, False, stop_words, turkish_i=turkish_i) == []
    assert words_of(text, True, stop_words, turkish_i=turkish_i) == []
