"""The head alone: a linear layer on frozen embeddings."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoclr.evaluate.metrics.ranking import macro_auroc
from emoclr.finetune.model.emotion_model import EmotionHead

LossFunction = Callable[[Tensor, Tensor], Tensor]
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def positive_weights(targets: Tensor, largest: float) -> Tensor:
    """Returns how much more the presence of each emotion counts than its absence, (emotions,).

    The square root of absence to presence in the training clips, between 1 and `largest`: rare emotions are learned,
    and a very rare one does not drown the others.
    """
    share = targets.mean(dim=0).clamp(min=1e-6)
    return ((1 - share) / share).sqrt().clamp(min=1.0, max=largest)


def fit_head(
    head: EmotionHead,
    embeddings: NDArray[np.float32],
    targets: NDArray[np.float32],
    loss: LossFunction,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    positive_share: float,
) -> float:
    """Fills `head` with penalised regressions on standardised embeddings; returns its macro AUROC on validation.

    Under cross-entropy they are logistic regressions. L-BFGS on all training clips; the strength of the L2 penalty is
    the one of `STRENGTHS` that is best on validation speakers, the strongest where these tell nothing (and the AUROC is
    nan).

    Args:
        head: its weights, and the mean and deviation it standardises by, are set.
        embeddings: (clips, features) of the frozen encoder.
        targets: (clips, emotions) in [0, 1].
        loss: of logits and targets.
        train: clips to fit to.
        validation: clips to choose by.
        positive_share: the share from which an emotion is there.
    """
    head.mean.copy_(torch.from_numpy(embeddings[train].mean(axis=0)))
    deviation = embeddings[train].std(axis=0)
    # A feature that the frozen encoder hardly uses must not become the loudest once the encoder moves.
    head.deviation.copy_(torch.from_numpy(np.maximum(deviation, 0.1 * deviation.mean() + 1e-6)))
    standard = (torch.from_numpy(embeddings) - head.mean) / head.deviation
    best: float | None = None
    weight, bias = torch.zeros_like(head.linear.weight), torch.zeros_like(head.linear.bias)
    for strength in sorted(STRENGTHS, reverse=True):
        weight, bias = _fit(standard[train], torch.from_numpy(targets[train]), loss, strength, weight, bias)
        logits = (standard[validation] @ weight.T + bias).numpy()
        score = macro_auroc(targets[validation], logits, positive_share)
        if best is None or score > best:
            best = score
            with torch.no_grad():
                head.linear.weight.copy_(weight)
                head.linear.bias.copy_(bias)
    assert best is not None
    return best


def _fit(
    features: Tensor, targets: Tensor, loss: LossFunction, strength: float, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns weight (E, F) and bias (E,) of penalised regressions, begun where the last one ended."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=60, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        penalty = strength / 2 * weight.square().sum() / weight.shape[0]
        total = loss(features @ weight.T + bias, targets) + penalty
        torch.autograd.backward(total)
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
