"""Metrics of contrastive training: how projections lie on the sphere, and which views find their twin."""

import math

import torch
from lightly.utils.debug import std_of_l2_normalized
from torch import Tensor, nn


def embedding_std(projections: Tensor) -> Tensor:
    """Returns the standard deviation of normalised projections (B, D) times sqrt(D), averaged over dimensions.

    Near 1 where they fill the sphere evenly, near 0 where they have collapsed to a point.
    """
    std: Tensor = std_of_l2_normalized(projections)
    return std * math.sqrt(projections.shape[1])


def effective_rank(projections: Tensor) -> Tensor:
    """Returns the effective rank of normalised projections (B, D), from 1 to min(B, D).

    The exponential of the entropy of the singular values' distribution (Roy & Vetterli 2007, eq. 4).
    """
    # On a CPU whatever the device: a GPU takes longer for a small matrix (pytorch/pytorch#41306, #86234).
    sizes = torch.linalg.svdvals(nn.functional.normalize(projections, dim=1).double().cpu())
    shares = sizes / sizes.sum().clamp_min(1e-12)
    rank: Tensor = torch.special.entr(shares).sum().exp()
    return rank


def alignment(first: Tensor, second: Tensor) -> Tensor:
    """Returns the mean squared distance of the normalised views of a clip (Wang & Isola 2020), 0 at best.

    Args:
        first: (B, D) projections.
        second: (B, D) of the same clips.
    """
    apart = nn.functional.normalize(first, dim=1) - nn.functional.normalize(second, dim=1)
    return apart.square().sum(1).mean()


def uniformity(projections: Tensor) -> Tensor:
    """Returns the logarithm of the mean Gaussian potential of normalised (B, D) (Wang & Isola 2020).

    0 where all are one point; about -4 times (1 - 1 / B) at the most even spread that many dimensions allow.
    """
    distances = torch.pdist(nn.functional.normalize(projections, dim=1))
    return distances.square().mul(-2).exp().mean().log()


def contrastive_accuracy(first: Tensor, second: Tensor) -> Tensor:
    """Returns the share of views whose nearest neighbour (cosine) among the 2B - 1 others is their twin.

    Args:
        first: (B, D) projections of the first views.
        second: (B, D) projections of the second views, in the same order.
    """
    views = nn.functional.normalize(torch.cat([first, second]), dim=1)  # (2B, D)
    similarity = (views @ views.T).fill_diagonal_(-torch.inf)  # (2B, 2B)
    twins = torch.arange(len(views), device=views.device).roll(len(first))
    return (similarity.argmax(dim=1) == twins).float().mean()
