"""The answers with which a report opens follow from the values and the thresholds of the catalog."""

import re

import pytest

from bows.analysis.answers import _entries, answers
from bows.analysis.catalog import METRICS


def rings(**sets: tuple[int, float]) -> dict[str, float]:
    """Metrics of ordered sets: name -> shape and p."""
    found = {}
    for name, (shape, p) in sets.items():
        found |= {f"ring/{name}/shape": float(shape), f"ring/{name}/order_p": p, f"ring/{name}/line_order_p": p / 2}
    return found


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ({"reconstruction/r2": -0.1}, "Held-out windows are reconstructed worse than by word frequencies alone (R² -0.1)."),
        (rings(digits=(3, 1e-4)), "The words of digits lie on a ring in order (p 0.0001)."),
        # The best of several sets: a ring before an arc, then the lowest p; with three sets 0.02 is not below 0.05 / 3.
        (rings(a=(2, 1e-4), b_c=(3, 0.01), d=(3, 0.012)), "The words of b c lie on a ring in order (p 0.01)."),
        (rings(a=(1, 1e-3), b=(3, 0.02), c=(0, 0.5)), "The words of a lie on a line in order (p 0.0005)."),
        (rings(a=(3, 0.02), b=(3, 0.03), c=(0, 0.5)), "No ordered set lies on a ring, arc or line in order; a is nearest to it (p 0.02)."),
        # In order, and without a shape: it closes and does not fill a plane.
        (rings(a=(0, 1e-3)), "No ordered set lies on a ring, arc or line in order; a is nearest to it (p 0.001)."),
        ({"cluster/purity_z": 45.4}, "Words of one category lie together (z 45)."),
        ({"cluster/purity_z": 2.9}, "Words of one category do not lie together more than by chance (z 2.9)."),
        ({"reconstruction/relu_gain": 0.144}, "The output activation adds 0.14 R² over the best linear read-out."),
        ({"reconstruction/relu_gain": 0.0}, "The output activation adds nothing over the best linear read-out (R² 0)."),
        ({"reconstruction/relu_gain": -0.2}, "The best linear read-out is better than the model (R² -0.2)."),
    ],
)  # fmt: skip
def test_each_answer_follows_from_its_value(summary, expected):
    assert answers(summary).stated == [expected]


def test_what_is_not_measured_is_named_and_a_good_r2_states_nothing():
    found = answers({"reconstruction/r2": 0.4, "cluster/purity_z": 5.0})
    assert len(found.stated) == 1
    assert found.not_measured == ["the order of ordered sets", "what the output activation adds to a linear read-out"]
    of_items = answers({"probe/p": 0.01, "probe/r2": 0.9, "cluster/purity_z": 5.0}, items=True)
    assert of_items.stated == ["The values of held-out items can be read from the embeddings (R² 0.9, p 0.01)."]
    assert of_items.not_measured == ["the held-out accuracy"]


def test_answers_name_metrics_of_the_catalog():
    for entry in _entries():
        named = {entry["metric"], *([entry["p"]] if "p" in entry else [])}
        named |= {name for each in entry["texts"] for name in re.findall(r"{(.+?)}", each["text"])} - {"set"}
        assert {re.sub("purity_z", "<score>_z", name) for name in named} <= set(METRICS)
        assert "from" not in entry["texts"][-1]
