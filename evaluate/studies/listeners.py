"""What listeners themselves would score: the scale on which a model's numbers on votes lie.

A panel of listeners is a sample. Another panel of as many would vote otherwise, and even the shares of all possible
listeners would not foretell this panel's votes. Both follow from a distribution of shares that is fitted to the votes:
a Dirichlet where a listener chose one emotion, a beta for each emotion where listeners could choose several.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.scores import EVERYBODY, PANEL, Prediction

Counts = npt.NDArray[np.int64]

_ROUNDING = 1e-3
"""How far shares that were written with few digits may be from what they are."""


def listener_rows(
    targets: Array, listeners: Sequence[int] | Counts, positive_share: float, seed: int
) -> list[Prediction]:
    """Returns what a second panel would answer, and what the true shares would, as rows of a report.

    For each clip true shares are drawn from what is likely after its votes, and from them the votes of as many other
    listeners. So both are scored against the votes that there are.

    Args:
        targets: (n, e) shares of listeners in [0, 1].
        listeners: (n,) how many listeners each clip had, at least 1.
        positive_share: the share from which an emotion counts as there.
        seed: of the draws.

    Examples:
        >>> rows = listener_rows(np.array([[1.0, 0.0], [0.2, 0.8], [0.6, 0.4]]), [5, 5, 5], 0.25, seed=0)
        >>> [row.name for row in rows], rows[0].probabilities.sum(axis=1).tolist()
        (['as many other listeners', 'all listeners there could be'], [1.0, 1.0, 1.0])
    """
    generator = np.random.default_rng(seed)
    asked = np.asarray(listeners, dtype=np.int64)
    votes = np.rint(targets * asked[:, None])  # (n, e)
    if (targets.sum(axis=1) <= 1 + _ROUNDING).all():
        shares, panel = _single_choice(votes, asked, generator)
    else:
        drawn = [_single_choice(column[:, None], asked, generator) for column in votes.T]
        shares, panel = (np.concatenate(columns, axis=1) for columns in zip(*drawn, strict=True))
    thresholds = np.full(targets.shape[1], positive_share)
    return [
        Prediction(PANEL, panel, thresholds, "a second panel, simulated"),
        Prediction(EVERYBODY, shares, thresholds, "the true shares, simulated: no model can know more"),
    ]


def fit_dirichlet(votes: npt.ArrayLike) -> Array:
    """Returns the Dirichlet's parameters (categories,) under which votes (n, categories) are likeliest.

    The likelihood is that of a Dirichlet-multinomial (Minka 2000, "Estimating a Dirichlet distribution").

    Examples:
        >>> draw = np.random.default_rng(0)
        >>> votes = [draw.multinomial(20, shares) for shares in draw.dirichlet([3.0, 1.0], size=2_000)]
        >>> fit_dirichlet(votes).round().tolist()
        [3.0, 1.0]
    """
    counts = np.asarray(votes, dtype=np.float64)
    totals = counts.sum(axis=1)

    def cost(logarithms: Array) -> tuple[float, Array]:
        alpha = np.exp(logarithms)
        whole = alpha.sum()
        likelihood = gammaln(whole) - gammaln(whole + totals) + (gammaln(alpha + counts) - gammaln(alpha)).sum(axis=1)
        slope = (digamma(whole) - digamma(whole + totals))[:, None] + digamma(alpha + counts) - digamma(alpha)
        return -float(likelihood.mean()), -alpha * slope.mean(axis=0)

    # Shares that are always 0 or 1 would push the parameters to 0, ever so slowly.
    found = minimize(cost, np.zeros(counts.shape[1]), jac=True, method="L-BFGS-B", bounds=[(-7, 7)] * counts.shape[1])
    return np.asarray(np.exp(found.x))


def _single_choice(votes: Array, asked: Counts, generator: np.random.Generator) -> tuple[Array, Array]:
    """Returns likely true shares of listeners who chose one emotion or none, and those of another panel, (n, e)."""
    none = asked - votes.sum(axis=1)
    counts = np.column_stack([votes, none]) if none.any() else votes
    gammas = generator.standard_gamma(fit_dirichlet(counts) + counts)
    shares = gammas / gammas.sum(axis=1, keepdims=True)
    panel = generator.multinomial(asked, shares) / asked[:, None]
    size = votes.shape[1]
    return shares[:, :size], panel[:, :size]
