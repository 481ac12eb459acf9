"""Supervised contrast for joint training: clips that carry the same emotions are pulled together."""

import torch
from torch import Tensor, nn


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
