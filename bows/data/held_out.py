"""Choose the held-out documents of a text so that they contain the words that a model is trained on.

The words that count occur `LEAST` times or more in the text, in two documents or more: a word of one document is either trained on or
held out. Documents are chosen one by one, whole: next is the one that contains the most such words, per character, of those that no
chosen document contains. If these are fewer than the asked share of the documents, others follow in the order of a hash of their names.
A document is never held out

- if the training rows would lack one of its words that occur `LEAST` times or more, or
- to contain words, if it has a row of `LONG` characters or more that another document has.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

LEAST = 25  # of the default text's 1,000 most frequent words, the last occurs 26 times in the training rows
LONG = 50
FIXED_COST = 2_000  # characters added to a document's length: else the cover is of many documents with a word each
HOLD_OUT_VERSION = "cover 1"


def held_out_documents(documents: Mapping[str, Sequence[str]], fraction: float) -> set[str]:
    """Return the names of the documents to hold out: those that cover the words, and more until `fraction` of all are held out.

    Args:
        documents: Rows of text of each document, by name.
        fraction: Smallest share of the documents that is held out, as far as words allow.
    """
    counts = {name: Counter(re.findall(r"[^\W_]+", "\n".join(rows))) for name, rows in documents.items()}
    frequent = {word for word, count in sum(counts.values(), Counter()).items() if count >= LEAST}
    words = {name: frequent & count.keys() for name, count in counts.items()}
    in_training = Counter(word for found in words.values() for word in found)
    uncovered = {word for word, count in in_training.items() if count > 1}
    rows_of = Counter(row for rows in documents.values() for row in set(rows) if len(row) >= LONG)
    alone = [name for name, rows in documents.items() if all(rows_of[row] < 2 for row in rows)]
    cost = {name: FIXED_COST + sum(map(len, documents[name])) for name in alone}
    held_out: set[str] = set()

    def hold_out(name: str) -> None:
        held_out.add(name)
        in_training.subtract(words[name])
        uncovered.difference_update(words[name])

    def may_go(name: str) -> bool:
        return name not in held_out and all(in_training[word] > 1 for word in words[name])

    while useful := [name for name in alone if uncovered & words[name] and may_go(name)]:
        hold_out(max(useful, key=lambda name: (len(uncovered & words[name]) / cost[name], name)))
    for name in sorted(documents, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if len(held_out) >= fraction * len(documents):
            break
        if may_go(name):
            hold_out(name)
    return held_out
