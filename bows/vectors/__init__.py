"""python -m bows.vectors: extract the word vectors of a language model."""
