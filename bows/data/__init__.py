"""Corpora: sources, words, vocabulary, bags, windows, and the Lightning DataModule over them."""
