"""Regression of functionals of the clean crop: an embedding of a noisy view has to tell how the crop was spoken.

As in Hybrid BYOL-S (Elbanna et al. 2022) and the regression workers of PASE+ (Ravanelli et al. 2020). No label is read.
"""

import torch
from lightly.utils import dist
from torch import Tensor, nn

_EPSILON = 1e-8


class FunctionalsRegression(nn.Module):
    """An MLP from embeddings to functionals, which are standardised by all that were seen in training so far.

    Mean and variance of each functional are buffers, so a resume file has them; ranks see those of all ranks.

    Args:
        features: of an embedding.
        hidden: units of the hidden layer.
        functionals: how many there are.

    Examples:
        >>> regression = FunctionalsRegression(features=16, hidden=8, functionals=3)
        >>> targets = torch.tensor([[1.0, 20.0, torch.nan], [3.0, 10.0, 0.5]])
        >>> regression(torch.zeros(2, 16), targets).shape, regression.mean.tolist()
        (torch.Size([]), [2.0, 15.0, 0.5])
    """

    count: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, features: int, hidden: int, functionals: int) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, functionals))
        for name in ("count", "mean", "variance"):
            self.register_buffer(name, torch.zeros(functionals))

    def forward(self, embeddings: Tensor, targets: Tensor) -> Tensor:
        """Returns the smooth L1 loss of standardised functionals, a mean over all of them; what is NaN adds nothing.

        Args:
            embeddings: (N, features) of views.
            targets: (N, functionals) of the crops that they were made of.
        """
        if self.training:
            self._observe(torch.cat(dist.gather(targets)) if dist.world_size() > 1 else targets)
        known = ~targets.isnan()
        standardised = (torch.where(known, targets, self.mean) - self.mean) / (self.variance + _EPSILON).sqrt()
        predicted = self.head(embeddings).float()
        losses = nn.functional.smooth_l1_loss(predicted, standardised, reduction="none")
        return (losses * known).mean()

    @torch.no_grad()
    def _observe(self, targets: Tensor) -> None:
        """Takes functionals (N, functionals) into mean and variance (Chan et al. 1979)."""
        known = ~targets.isnan()
        count = known.sum(dim=0)
        total = (self.count + count).clamp(min=1)
        mean = targets.nan_to_num(nan=0.0).sum(dim=0) / count.clamp(min=1)
        within = self.count * self.variance + torch.where(known, targets - mean, 0).square().sum(dim=0)
        between = (mean - self.mean).square() * self.count * count / total
        self.variance.copy_((within + between) / total)
        self.mean.add_((mean - self.mean) * count / total)
        self.count.add_(count)
