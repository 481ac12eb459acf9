"""An alarm where projections collapse to a point or a line."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl

from emoclr.configs.console import say
from emoclr.configs.errors import EmoclrError

MIN_SPREAD = 0.1
MIN_RANK = 1.5
"""A healthy run has a spread near 1 and a rank of tens; below either of these, little but a point or a line is left.

Two clips, or projections of two dimensions, have a rank of 2 at most."""
RECORDS_BEFORE_ALARM = 3
ADVICE = (
    "try a lower learning_rate, a longer warmup, a lower weight_decay or a larger batch_size; for nt_xent and dcl a "
    "temperature of 0.1 to 0.5"
)


class CollapseAlarm(pl.Callback):
    """Warns, or stops the run, where projections stay close to a point or a line after the warm-up.

    Args:
        name: of the backbone.
        first_step: from which on records count; before the warm-up is over, projections may still lie close.
        stop: end the run instead of warning once.
        rows: gives the records, the latest last.
    """

    def __init__(self, name: str, first_step: int, stop: bool, rows: Callable[[], list[dict[str, float]]]) -> None:
        self.name = name
        self.first_step = first_step
        self.stop = stop
        self.rows = rows
        self.warned = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Looks at the latest records.

        Raises:
            EmoclrError: the projections have collapsed, and `stop` was asked for.
        """
        rows = [row for row in self.rows()[-RECORDS_BEFORE_ALARM:] if row["step"] > self.first_step]
        if self.warned or len(rows) < RECORDS_BEFORE_ALARM or not all(map(has_collapsed, rows)):
            return
        self.warned = True
        latest = rows[-1]
        message = (
            f"{self.name}: the embeddings have collapsed by step {latest['step']:.0f}: their spread is "
            f"{latest['embedding_std']:.3f} (healthy near 1), their effective rank "
            f"{latest['effective_rank']:.1f}; {ADVICE}"
        )
        if self.stop:
            raise EmoclrError(f"{message}. Stopped, since stop_on_collapse is set; the last checkpoint is kept")
        say(f"warning: {message}")


def has_collapsed(row: dict[str, float]) -> bool:
    """Returns whether a record of metrics shows a collapse; what an older run did not record shows none."""
    return row.get("embedding_std", 1.0) < MIN_SPREAD or row.get("effective_rank", MIN_RANK) < MIN_RANK
