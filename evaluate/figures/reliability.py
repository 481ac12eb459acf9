"""Reliability diagrams: the shares that occur over the probabilities given."""

from typing import TYPE_CHECKING

import numpy as np

from emoclr.evaluate.figures.theme import LIGHT
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.calibration import ECE_BINS, reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MIN_BIN_CLIPS = 5


def draw_reliability(axes: "Axes", targets: Array, probabilities: Array) -> None:
    """Draws the reliability diagram of all emotions together (dots, larger for more clips) and of each (thin lines).

    Args:
        axes: to draw on.
        targets: (clips, emotions) shares.
        probabilities: (clips, emotions).
    """
    axes.plot([0, 1], [0, 1], color=LIGHT.muted, linewidth=1, linestyle=(0, (4, 3)))
    for emotion in range(targets.shape[1]):
        mean_probability, share, counts = reliability(targets[:, emotion], probabilities[:, emotion])
        enough = counts >= MIN_BIN_CLIPS
        axes.plot(mean_probability[enough], share[enough], color=LIGHT.soft, linewidth=1)
    mean_probability, share, counts = reliability(targets, probabilities)
    filled = counts >= MIN_BIN_CLIPS
    axes.plot(mean_probability[filled], share[filled], color=LIGHT.accent, linewidth=1.5)
    sizes = 12 + 160 * np.sqrt(counts[filled] / max(counts.max(), 1))
    axes.scatter(mean_probability[filled], share[filled], s=sizes, color=LIGHT.accent, edgecolor=LIGHT.card, zorder=3)
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.05),
        xlabel=f"probability ({ECE_BINS} bins)",
        ylabel="share of clips",
    )
    axes.tick_params(axis="y", labelcolor=LIGHT.muted)
    axes.grid(visible=True)
    axes.set_aspect("equal")
