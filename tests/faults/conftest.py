"""Seeds and counts of the fault campaign."""

import os

import pytest

from ..conftest import topical_rows
from ..support.campaign import Faults


@pytest.fixture
def faults(request, run_command, tmp_path, record_property):
    """Injects faults, seeded by the campaign's seed and the test's name; a test outside the campaign has a fixed seed."""
    campaign = request.node.get_closest_marker("faults") is not None
    seed = f"{os.environ['BOWS_FAULT_SEED'] if campaign else 0}/{request.node.name}"
    print(f"seed {seed}")  # shown where the test fails
    made = Faults(run_command, tmp_path, seed)
    (tmp_path / "text.txt").write_text("".join(f"{row}\n" for row in topical_rows(400)), encoding="utf-8")
    yield made
    for name, count in made.counts.items():
        record_property(f"fault: {name}", count)
