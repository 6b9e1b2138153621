"""The logger of a stack: keeps what is logged, for all members or for each, and writes a metrics.csv per member."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from torch import Tensor

from bows.tracking.csv_logger import MetricsTable


class StackTables(Logger):
    """A Lightning logger that gives each member of a stack the table of a run alone.

    `log_metrics` logs for all members, `log_members` a value for each. The rows of a member end where it `ended`.

    Args:
        tables: One per member.
    """

    def __init__(self, tables: Sequence[MetricsTable]) -> None:
        super().__init__()
        self.tables = list(tables)
        self.ended: dict[int, int] = {}
        """The first step without a row, of members that failed."""
        self.events: list[tuple[int, dict[str, Any]]] = []
        """Steps, and what was logged at them: numbers, or (members,) tensors with NaN for members without the metric."""
        self._written = 0

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        assert step is not None
        self.events.append((step, {name: float(value) for name, value in metrics.items()}))

    def log_members(self, metrics: Mapping[str, Tensor], step: int, epoch: int) -> None:
        """Log a value per member, (members,) by name; NaN where a member has none."""
        self.events.append((step, {**metrics, "epoch": epoch}))

    def write(self) -> None:
        """Write each member's metrics.csv."""
        self.hand_out()
        for table in self.tables:
            table.save()

    def hand_out(self) -> None:
        """Add to each member's table what was logged here since the last call, without writing the files."""
        fresh = [
            (step, {name: value.tolist() if isinstance(value, Tensor) else value for name, value in values.items()})
            for step, values in self.events[self._written :]
        ]
        self._written = len(self.events)
        for member, table in enumerate(self.tables):
            end = self.ended.get(member, math.inf)
            for step, values in fresh:
                if step < end:
                    own = {name: value[member] if isinstance(value, list) else value for name, value in values.items()}
                    table.log_metrics({name: value for name, value in own.items() if not math.isnan(value)}, step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: each run folder contains its configuration."""

    @property
    def name(self) -> str:
        return "stack"

    @property
    def version(self) -> str:
        return ""
