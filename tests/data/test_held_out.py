"""Held-out documents: whole, with the words of the training rows, and never at the price of a word of them."""

import pytest

from bows.data.held_out import held_out_documents


def document(*words: str) -> list[str]:
    """Thirty rows, which no other document has, of these words."""
    return [f"{' '.join(words)} {'_'.join(words)}__{row}" for row in range(30)]


def test_documents_that_cover_the_words_of_two_documents_are_held_out():
    documents = {
        "first": document("apple", "pear"), "second": document("apple", "pear"), "third": document("plum"),
        "fourth": document("plum"), "alone": document("quince"),
    }  # fmt: skip
    held_out = held_out_documents(documents, 0.01)
    assert len(held_out & {"first", "second"}) == len(held_out & {"third", "fourth"}) == 1
    assert "alone" not in held_out  # the training rows would lack its word


def test_one_document_of_many_words_is_chosen_before_many_of_few():
    words = [f"w{letter}" for letter in "abcdefgh"]
    documents = {"all": document(*words), **{word: document(word) for word in words}}
    assert held_out_documents(documents, 0.01) == {"all"}


def test_a_document_with_a_long_row_of_another_covers_no_words():
    shared = ["a long row that two documents have, which is longer than fifty characters"]
    documents = {"a": document("apple") + shared, "b": document("apple") + shared, "c": document("apple")}
    assert held_out_documents(documents, 0.01) == {"c"}


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.8])
def test_the_asked_share_is_held_out_and_smaller_shares_are_part_of_it(fraction):
    documents = {f"document {number}": document("apple") for number in range(20)}
    held_out = held_out_documents(documents, fraction)
    assert len(held_out) == round(20 * fraction)
    assert held_out_documents(documents, fraction / 2) < held_out
    assert held_out == held_out_documents(dict(reversed(documents.items())), fraction)
