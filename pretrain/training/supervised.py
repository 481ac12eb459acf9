"""Joint training: labels of a part of the corpus pull clips together that carry the same emotions."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.clips.clips import ClipTable
from emoclr.corpus.labels.labels import read_labels


def labels_of(clips: ClipTable, source: Path) -> Tensor:
    """Returns the labels of clips, float32 (clips, emotions), NaN where a clip has none.

    Of a labels.csv with splits only the training rows count: the labels of the other speakers are for choosing and for
    reporting.

    Raises:
        ConfigError: none of the labels is of one of the clips.
        LabelsError: the labels are not as they should be.
    """
    table = read_labels(source)
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


def supervised_contrast(first: Tensor, second: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Returns the supervised contrastive loss of the labelled clips of a batch; 0 where there are fewer than two.

    Khosla et al. 2020, equation 2, with the cosine of two clips' labels as the weight with which they are a pair: one
    or zero for a single label, as in the paper, and in between for several emotions or shares of votes. Clips without
    labels are neither pairs nor negatives, and a clip without any emotion has no pairs.

    Args:
        first: (B, D) projections of the first views.
        second: (B, D) of the second.
        labels: (B, e) in [0, 1], NaN in the rows of clips without labels.
        temperature: of the softmax.
    """
    labelled = ~labels.isnan().any(dim=1)
    if int(labelled.sum()) < 2:
        return first.new_zeros(())
    views = nn.functional.normalize(torch.cat([first[labelled], second[labelled]]), dim=1)  # (N, D)
    emotions = nn.functional.normalize(labels[labelled].to(views), dim=1).repeat(2, 1)  # (N, e)
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    weights = (emotions @ emotions.T).masked_fill(itself, 0)  # (N, N)
    logits = (views @ views.T / temperature).masked_fill(itself, -torch.inf)
    log_shares = (logits - logits.logsumexp(dim=1, keepdim=True)).masked_fill(itself, 0)
    total = weights.sum(dim=1)
    paired = total > 0
    losses: Tensor = -(weights * log_shares).sum(dim=1)[paired] / total[paired]
    return losses.mean() if len(losses) else first.new_zeros(())
