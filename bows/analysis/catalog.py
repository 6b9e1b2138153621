"""What each metric, and each column of the word table, says in a phrase."""

# First part of a metric's name -> title of its group, in the order of a page.
GROUPS = {
    "reconstruction": "Reconstruction",
    "classification": "Classification of pairs",
    "leak": "Leak of overlapping windows",
    "interference": "Interference",
    "regime": "Regimes of words",
    "alignment": "Alignment with the data",
    "cluster": "Clusters",
    "ring": "Ordered sets",
    "probe": "Probe",
    "ablation": "Ablation",
    "capacity": "Capacity",
    "packing": "Packing",
    "train": "Training",
    "speed": "Speed",
}

MEANINGS = {
    "reconstruction/loss": "mean squared error a cell, on held-out windows; 0 is perfect",
    "reconstruction/r2": "share of the words' held-out variance rebuilt; 1 is perfect, 0 no better than frequencies",
    "reconstruction/r2_linear": "the same by the best linear read-out of the latent",
    "reconstruction/relu_gain": "R² less that of the linear read-out: what the output activation adds",
    "reconstruction/r2_one_hot": "R² over the bags that hold one word each: what a word says of itself",
    "leak/loss": "mean squared error a cell, on windows held out that share rows with training windows",
    "leak/r2": "R² on those windows",
    "leak/loss_gap": "how far that split understates the loss on held-out documents",
    "reconstruction/false_positive_rate": "how often an absent word is named, mean over words",
    "reconstruction/false_negative_rate": "how often a present word is not named, mean over words",
    "interference/gap": "what others add to a word where it is, less where it is not; above 0 they help",
    "interference/rescued": "share of a word's windows where only its context lifts it over 0",
    "interference/filtered": "share of the windows without a word where others push it, but not over 0",
    "interference/words": "words these three rest on: seen both present and absent",
    "interference/constructive_energy": "reinforcing pairs of words, in units of the output's energy",
    "interference/destructive_energy": "cancelling pairs of words, in the same units",
    "alignment/covariance_cosine": "cosine of the words' Gram matrix with their covariance, off the diagonal",
    "alignment/cka": "centred kernel alignment of the two; 1 is the same geometry",
    "alignment/rsa": "rank correlation of the two over pairs of words",
    "alignment/rsa_p": "share of relabelled words with a correlation at least as high",
    "alignment/rsa_p_within_deciles": "the same, relabelled only among words of like frequency",
    "alignment/rsa_words": "words these two rest on",
    "alignment/pca_distance": "distance to the projector on the data's principal directions; 0 is the linear optimum",
    "cluster/words": "words with a category",
    "cluster/categories": "categories with enough words in the vocabulary",
    "cluster/purity": "share of a word's 10 nearest, among those with a category, that have its own",
    "cluster/silhouette": "how much nearer words are to their own category than to the next; -1 to 1",
    "cluster/cooccurrence_ami": "agreement of clusters by direction with clusters by co-occurrence; 0 is chance, 1 the same",
    "regime/absent": "share of words that are not rebuilt",
    "regime/linear": "share of words that a linear read-out rebuilds nearly as well, with others' help",
    "regime/antipodal": "share of words opposite to one other",
    "regime/orthogonal": "share of words that hardly touch any other",
    "regime/mixed": "share of words of none of these kinds",
    "regime/words": "words with a regime",
    "regime/undefined": "words without one: in every held-out window, or in none",
    "classification/loss": "cross-entropy a pair, on pairs that were not trained on",
    "classification/accuracy": "share of those pairs whose class is named",
    "probe/r2": "how well a linear probe reads the values of items it was not fitted on; 1 is exact",
    "probe/p": "share of relabelled items that a probe reads as well",
    "probe/frequency": "turns around the ring for one round of the residues, chosen by the fitted items",
    "probe/frequencies": "frequencies that a probe reads",
    "ablation/accuracy_base": "accuracy with the whole embedding",
    "ablation/accuracy_keep": "accuracy with the probed plane alone",
    "ablation/accuracy_remove": "accuracy with all but the probed plane",
    "ablation/accuracy_keep_random": "accuracy with a random plane alone, the mean: the null of the one above",
    "ablation/accuracy_remove_random": "accuracy with all but a random plane, the mean",
    "ablation/accuracy_majority": "accuracy of naming the most frequent class always",
    "capacity/features_per_dimension": "squared norm of all directions, a latent dimension",
    "capacity/dimensionality_mean": "share of a dimension that a word has to itself, on average",
    "capacity/represented_fraction": "share of words whose direction is longer than 1/2",
    "capacity/participation_ratio": "latent dimensions in use, by variance",
    "capacity/effective_rank": "latent dimensions in use, by entropy",
    "capacity/zero_columns": "words with no direction at all",
    "packing/off_diagonal_norm": "total interaction between different words; shrinks with the norms",
    "packing/interference_rms": "typical cosine of two different words; 0 is orthogonal",
    "packing/coherence": "largest cosine, by absolute value, of two different words",
    "packing/welch_ratio": "that over the least possible for so many words; 1 is the best packing",
    "packing/mean_max_cosine": "a word's largest cosine with another, on average",
    "packing/antipodal_fraction": "share of words in opposed pairs",
    "speed/windows_per_second": "training windows a second",
    "speed/seconds": "seconds of training",
    "speed/analysis_seconds": "of these and of the closing look, seconds spent measuring geometry",
    "train/loss": "loss of the last training batch that was recorded",
    "speed/peak_memory_mb": "peak memory, MB",
}
RING_MEANINGS = {
    "order": "how far the set lies in its known cyclic order; 1 is in order",
    "order_p": "share of random orders at least as good",
    "planarity": "share of the set's variance in its best plane",
    "procrustes": "distance to the regular polygon; 0 is exact",
    "circulance": "share of the Gram matrix set by the step around the ring; a strong diagonal alone gives near 1",
}
NULL_MEANINGS = {
    "_null": "the same, mean over labels permuted among words of like frequency",
    "_z": "standard deviations above that",
    "_p": "share of those permutations at least as high",
}

# Columns of words.parquet, of words and of items.
COLUMN_MEANINGS = {
    "frequency": "share of the held-out windows with the word",
    "norm": "length of the word's direction",
    "dimensionality": "share of a latent dimension that the word has to itself",
    "r2": "share of the word's held-out variance rebuilt",
    "r2_one_hot": "the same over bags of one word each",
    "r2_linear": "the same by the best linear read-out of the latent",
    "bias": "what the output adds whatever the window",
    "self_term": "what the word adds to its own output",
    "interference_present": "what others add where the word is, mean",
    "interference_absent": "what others add where it is not, mean",
    "rescued": "share of its windows where only its context lifts it over 0",
    "filtered": "share of the windows without it where others push it, but not over 0",
    "false_positive_rate": "how often it is named where it is not",
    "false_negative_rate": "how often it is not named where it is",
    "largest_cosine": "largest absolute cosine with another word",
    "lowest_cosine": "lowest cosine with another word",
    "antipode": "the word opposite to it, where each is the other's lowest",
    "regime": "how the word is stored",
    "held_out": "whether the probe was not fitted on the item",
}


def meaning(name: str) -> str:
    """A phrase on what a metric says; empty for one unknown here."""
    if name.startswith("ring/"):
        return RING_MEANINGS.get(name.rpartition("/")[2], "")
    for ending, phrase in NULL_MEANINGS.items():
        if name.startswith("cluster/") and name.endswith(ending):
            return phrase
    return MEANINGS.get(name, "")
