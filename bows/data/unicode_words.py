"""Split tokens into words at the boundaries of Unicode's UAX #29, with stated rules for what the standard leaves open.

A word is a run of letters, digits and their marks that UAX #29 does not break, so every script with spaces keeps its words whole;
apostrophes, Hebrew gershayim and the Catalan middle dot join letters as in the standard. Three tailorings: an underscore and a colon
separate words, which the standard joins; a period joins only abbreviations and the digits of a number; a run in a script without
spaces between words (Thai, Lao, Khmer, Burmese, Chinese, Japanese) is one word, or is segmented by ICU's dictionary.

The properties of characters come from `regex`. Compared were `regex`, `icu4py`, `uniseg`, PyICU and `tokenizers`: the first three
agree on 20 texts in 15 scripts (but for dictionaries, which only ICU has). `regex` has wheels for every platform, no dependencies and
monthly releases, and searches many tokens at once, 5 us a token; `uniseg` takes 108 us; `icu4py`, with wheels of 16 MB, is the
extra `bows[icu]`; PyICU has no wheels; `tokenizers` does not split by UAX #29. The word boundary of `regex` itself is wrong at marks and
emoji that begin a text (23 % of random strings), so the rules are written here from properties.
"""

import re
import string
import unicodedata
from dataclasses import asdict
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex
from pydantic.dataclasses import dataclass

from bows.errors import SettingError
from bows.setting_types import Flag

_MARK = r"[\p{WB=Extend}\p{WB=ZWJ}]"
_SPACELESS = r"[\p{LB=SA}\p{Han}\p{Hiragana}ー]"
_KATAKANA = r"\p{WB=Katakana}"
_LETTER = rf"[[\p{{Alphabetic}}\p{{WB=ALetter}}\p{{N}}]--{_SPACELESS}--{_KATAKANA}]"
_RUN = rf"(?:(?:{_LETTER}{_MARK}*)+|(?:{_KATAKANA}{_MARK}*)+|(?:{_SPACELESS}{_MARK}*)+)"
_JOINED = r"""['·‧״]|(?<=\p{Hebrew})"(?=\p{Hebrew})|(?<=\p{Nd})[.,](?=\p{Nd})"""


def _words_pattern(run: str, letter: str, inside: str, joined: str) -> str:
    """Return a pattern of abbreviations and of runs joined by what `joined` matches.

    An abbreviation has parts of one or two letters with a period between them (U.S., e.g., B.Sc.; not "is.It").

    Args:
        run: the pattern of a run of letters and digits.
        letter: the pattern of one letter with its marks.
        inside: the class of characters that no abbreviation begins after or ends before.
        joined: the pattern of what joins two runs into one word.
    """
    short = f"{letter}(?:{letter})?"
    parts = rf"(?:{letter}\.(?:{short}\.)*{short}|(?=[[:upper:]]){letter}{letter}\.(?:{short}\.)*{letter})"
    abbreviation = rf"(?<!{inside}){parts}(?!{inside})\.?(?:'s(?!{inside}|'))?"
    return rf"\n|{abbreviation}|{run}(?:(?:{joined}){run})*"


# Pieces that may not be words as they are (see _refine), and numbers among them; in the syntax of Arrow's RE2.
SCRIPTS_WITHOUT_SPACES = (
    r"\p{Thai}|\p{Lao}|\p{Khmer}|\p{Myanmar}|\p{Tai_Le}|\p{New_Tai_Lue}|\p{Tai_Tham}|\p{Tai_Viet}"
    r"|\p{Ahom}|\p{Han}|\p{Hiragana}"
)
_TO_REFINE = rf"['.\pN\x{{200c}}\x{{200d}}\x{{fe0f}}]|{SCRIPTS_WITHOUT_SPACES}"
# In letters alone, what may be more than one word or be spelt in another way.
NOT_PLAIN = rf"\p{{Katakana}}|\x{{30fc}}|\x{{2bc}}|{SCRIPTS_WITHOUT_SPACES}"
_LETTERS_AND_DIGITS = r"^[0-9]*[A-Za-z-][A-Za-z0-9-]*$"
_PARTS_OF_NUMBERS = r"^[0-9.,']+$"
_DIGIT = regex.compile(r"[\p{Nd}\p{No}]")
_SPACELESS_PIECE = regex.compile(_SPACELESS, regex.V1)

_CONTRACTED = frozenset({"d", "m", "re", "ve", "ll"})
# Articles, pronouns and prepositions that French, Italian and Catalan elide before a vowel or h.
_ELIDED = {
    "l", "d", "j", "m", "n", "s", "t", "c", "v", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "presqu", "un", "gl", "all", "dall",
    "dell", "nell", "sull", "coll", "agl", "dagl", "degl", "negl", "sugl", "quest", "quell", "bell", "sant",
}  # fmt: skip
_VOWELS = frozenset("aeiouyhæœ")
# A token of its own where punctuation has been set off, as in WikiText: "Teddy 's", "do n't", "l' homme".
_LONE_CLITICS = frozenset(
    {"'s", "'t", "n't"} | {f"'{tail}" for tail in _CONTRACTED} | {f"{head}'" for head in _ELIDED if len(head) < 3}
)


@dataclass(frozen=True)
class UnicodeRules:
    """The settings of `data.words`. Each rule and its examples are in docs/pages/words.md."""

    apostrophes: Literal["keep", "split"] = "keep"
    contractions: Literal["strip", "keep"] = "strip"
    possessives: Literal["strip", "keep"] = "strip"
    elision: Literal["strip", "keep"] = "strip"
    abbreviations: Literal["keep", "join"] = "keep"
    hyphens: Literal["split", "keep"] = "split"
    digits: Literal["keep", "drop"] = "keep"
    turkish_i: Flag = False
    dictionary: Literal["auto", "icu", "none"] = "auto"

    # Punctuation that is stripped from tokens before all other rules, and tokens that are no words.
    trimmed: ClassVar[str] = string.punctuation
    lone_clitics: ClassVar[frozenset[str]] = _LONE_CLITICS

    @cached_property
    def _patterns(self):
        """Return the pattern for ASCII and the one for all of Unicode: `re` is five times as fast as `regex`."""
        hyphen = "|-" if self.hyphens == "keep" else ""
        ascii_only = _words_pattern("[A-Za-z0-9]+", "[A-Za-z]", "[A-Za-z0-9]", rf"'|(?<=\d)[.,](?=\d){hyphen}")
        unicode = _words_pattern(_RUN, rf"\p{{L}}{_MARK}*", r"[\p{Alphabetic}\p{M}\p{N}]", _JOINED + hyphen)
        return re.compile(ascii_only.replace("[[:upper:]]", "[A-Z]")), regex.compile(unicode, regex.V1)

    @cached_property
    def _segment(self):
        """Return a function that segments a run of a script without spaces, or None where runs stay whole."""
        return None if self.dictionary == "none" else icu_segmenter(self.dictionary == "icu")

    @property
    def identity(self) -> dict:
        """What of these rules shapes a corpus, as JSON: the settings, and the version of the dictionary in use."""
        version = icu_version() if self._segment else None
        return {**asdict(self), "dictionary": version}

    def split(self, tokens: list[str], numbers: frozenset[str]) -> tuple[np.ndarray, pa.Array]:
        """Split tokens without white space into words.

        Args:
            tokens: tokens, normalized.
            numbers: the whole numbers that are words.

        Returns:
            For each word in order, the position of the token that it comes from; and the words.
        """
        text = "\n".join(tokens)
        pieces = pa.array(self._patterns[0 if text.isascii() else 1].findall(text), pa.large_string())
        ends = pc.equal(pieces, "\n").to_numpy(zero_copy_only=False)
        owner, pieces = np.cumsum(ends)[~ends], pieces.filter(pa.array(~ends))
        to_refine = pc.match_substring_regex(pieces, _TO_REFINE)
        if self.digits == "keep":
            to_refine = pc.and_not(to_refine, pc.match_substring_regex(pieces, _LETTERS_AND_DIGITS))
        to_refine = to_refine.to_numpy(zero_copy_only=False)
        numeric = pc.match_substring_regex(pieces, _PARTS_OF_NUMBERS).to_numpy(zero_copy_only=False)
        alone = np.bincount(owner, minlength=1)[owner] == 1
        place = np.flatnonzero(to_refine & (alone | ~numeric))
        refined = [
            self._refine(piece, numbers, only)
            for piece, only in zip(pieces.take(pa.array(place)).to_pylist(), alone[place].tolist(), strict=True)
        ]
        words = pa.array([word for found in refined for word in found], pieces.type)
        plain = np.flatnonzero(~to_refine)
        place = np.concatenate([plain, np.repeat(place, [len(found) for found in refined])]).astype(np.int64)
        order = np.argsort(place, kind="stable")
        words = pa.concat_arrays([pieces.take(pa.array(plain)), words]).take(pa.array(order))
        return owner[place[order]], words

    def _refine(self, piece: str, numbers: frozenset[str], alone: bool) -> list[str]:
        """Return the words of a piece with an apostrophe, period, digit or joiner, or in a script without spaces."""
        if _SPACELESS_PIECE.match(piece):
            return self._segment(piece) if self._segment else [piece]
        piece = piece.strip("\u200c\u200d\ufe0f")
        if "'" in piece:
            parts = self._without_clitics(piece.split("'"))
            if self.apostrophes == "keep" and parts:
                parts = ["'".join(parts)]
            return [word for part in parts for word in self._plain(part, numbers, alone)]
        return self._plain(piece, numbers, alone)

    def _plain(self, piece: str, numbers: frozenset[str], alone: bool) -> list[str]:
        if not _DIGIT.search(piece):
            if "." not in piece:
                return [piece]
            return [piece.rstrip(".") + "." if self.abbreviations == "keep" else piece.replace(".", "")]
        if not any(map(str.isalpha, piece)):
            # A number is a word where it is all that its token has: the parts of 12/25 or 1990-95 are none.
            value = "".join(str(unicodedata.decimal(c)) for c in piece) if piece.isdecimal() else piece
            return [piece] if alone and value in numbers else []
        return [piece] if self.digits == "keep" else []

    def _without_clitics(self, parts: list[str]) -> list[str]:
        """Strip what an apostrophe attaches to a word: possessive, contraction, elided article; all of n't."""
        while len(parts) > 1:
            tail = parts[-1].lower()
            if tail == "s" and self.possessives == "strip":
                parts = parts[:-1]
            elif tail == "t" and parts[-2][-1:].lower() == "n" and self.contractions == "strip":
                return []
            elif tail in _CONTRACTED and self.contractions == "strip":
                parts = parts[:-1]
            else:
                break
        while (
            len(parts) > 1
            and self.elision == "strip"
            and parts[0].lower() in _ELIDED
            and unicodedata.normalize("NFD", parts[1][:1].lower())[:1] in _VOWELS
        ):
            parts = parts[1:]
        return parts


def icu_version() -> str:
    """Return ICU's version, which names its dictionaries too."""
    from icu4py import icu_version  # an optional extra

    return f"icu {icu_version}"


def icu_segmenter(required: bool):
    """Return a function from text to its words by ICU's dictionaries, or None where ICU is not installed.

    Raises:
        SettingError: it is required and not installed.
    """
    try:
        from icu4py.breakers import WordBreaker  # an optional extra
    except ImportError:
        if not required:
            return None
        raise SettingError(
            "data.words.dictionary=icu: ICU is not installed; install it with pip install 'bows[icu]', or set "
            "data.words.dictionary=none to keep text without spaces whole"
        ) from None

    def segment(text: str) -> list[str]:
        return list(WordBreaker(text, "root"))

    return segment
