"""Projections centred by speaker: what all clips of a voice have in common tells none of them apart."""

import torch
from torch import Tensor


def center_speakers(first: Tensor, second: Tensor, speakers: Tensor) -> tuple[Tensor, Tensor]:
    """Returns projections less the mean of all views of their speaker in the batch.

    Clips of unknown speakers, and a speaker's only clip, stay as they are: less their mean, its two views would point
    in opposite directions.

    Args:
        first: (B, D) projections of the first views.
        second: (B, D) of the second.
        speakers: int64 (B,), negative where unknown.

    Examples:
        >>> first, second = torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([[2.0], [6.0], [7.0]])
        >>> [side.flatten().tolist() for side in center_speakers(first, second, torch.tensor([4, 4, 9]))]
        [[-2.0, 0.0, 7.0], [-1.0, 3.0, 7.0]]
    """
    same = (speakers[:, None] == speakers) & (speakers >= 0)  # (B, B)
    clips = same.sum(dim=1, keepdim=True)
    weights = torch.where(clips > 1, same / clips.clamp(min=1), 0).to(first)
    means = weights @ (first + second) / 2  # (B, D)
    return first - means, second - means
