"""Labels of a part of the corpus, for joint training."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.table_summary import tell_table
from emoclr.corpus.labels.tables.column_names import Given


def labels_of(clips: ClipTable, source: Path, columns: Given | None = None) -> Tensor:
    """Returns the labels of clips, float32 (clips, emotions), NaN where a clip has none.

    Of a labels.csv with splits only the training rows count: the labels of the other speakers are for choosing and for
    reporting.

    `columns` are columns by their meaning, where their names do not tell it.

    Raises:
        ConfigError: none of the labels is of one of the clips.
        LabelsError: the labels are not as they should be.
    """
    table = read_labels(source, columns=columns, lenient=True)
    tell_table(table, by=None)
    rows = np.arange(len(table)) if table.splits is None else table.rows_of("train")
    known = {(table.paths[row].absolute(), float(table.start_s[row])): row for row in rows.tolist()}
    labels = np.full((len(clips), len(table.emotions)), np.nan, dtype=np.float32)
    for place, clip in enumerate(clips):
        row = known.get((clip.path, clip.start_s))
        if row is not None:
            labels[place] = table.targets[row]
    found = int((~np.isnan(labels[:, 0])).sum())
    if not found:
        raise ConfigError(f"supervised: {source}: none of its {len(rows)} training clips is among the recordings")
    say(f"{found} of {len(clips)} clips carry labels, from {source}")
    return torch.from_numpy(labels)
