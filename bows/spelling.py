"""Give every word one spelling, so that text, settings and lists of words can be compared.

A spelling is in Unicode normal form C, without characters that only format text (soft hyphen, byte order mark, direction
marks), and with one apostrophe (') and one hyphen (-). Case is folded by str.casefold, with the Turkish i as a choice.
Functions take one word or many words joined by line breaks: no rule crosses a line break.
"""

import unicodedata

import regex

# Apostrophes of typography and keyboards; U+02BC is the letter apostrophe of Ukrainian and Breton text.
APOSTROPHES = "’‘ʼ＇`´‛′"
_FORMS = str.maketrans(dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys("‐‑", "-"))
# Word_Break=Format: UAX #29 ignores these inside words. Joiners (U+200C, U+200D) are not among them: they are part of the spelling.
_FORMATTING = regex.compile(r"\p{WB=Format}+")


def normalize(text: str) -> str:
    r"""Return `text` with one form of every character, apostrophe and hyphen; case as it is.

    >>> normalize("re\u0301sume\u0301 l’homme soft\u00adhyphen")
    "résumé l'homme softhyphen"
    """
    if text.isascii():
        return text.replace("`", "'")
    return unicodedata.normalize("NFC", _FORMATTING.sub("", text)).translate(_FORMS)


def fold(text: str, turkish_i: bool = False) -> str:
    """Return normalized `text` with its case folded.

    Args:
        text: in the form that `normalize` returns.
        turkish_i: fold I to the dotless ı, as Turkish and Azeri do. Otherwise I and the dotted İ both fold to i.

    >>> fold("STRASSE ΤΟΥΣ İstanbul ISPARTA"), fold("ISPARTA İstanbul", turkish_i=True)
    ('strasse τουσ istanbul isparta', 'ısparta istanbul')
    """
    if turkish_i:
        text = text.replace("I", "ı")
    if text.isascii():
        return text.lower()
    # casefold turns İ into i and a combining dot, which no other spelling of the word has.
    return unicodedata.normalize("NFC", text.replace("İ", "i").casefold())


def spelling(word: str, folded: bool = False, turkish_i: bool = False) -> str:
    """Return the one spelling of a word given in a setting, a list or a command: normalized, and folded where asked."""
    word = normalize(word)
    return fold(word, turkish_i) if folded else word
