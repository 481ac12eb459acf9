"""An emotion model, and several of them as an ensemble."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emoclr.finetune.model.temperatures import calibrate
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.precision import choose_precision

Array = NDArray[np.float64]
EnsembleMethod = Literal["mean", "weighted", "vote"]
"""How members answer together: see `combine`."""


class EmotionHead(nn.Module):
    """A linear layer on standardised embeddings: (B, features) to logits (B, emotions).

    Mean and deviation are those of the training clips under the frozen encoder. They stay as they are: features of
    very different sizes would make one learning rate too high for some and too low for others.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, n_emotions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.linear = nn.Linear(features, n_emotions)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Returns logits (B, emotions)."""
        logits: Tensor = self.linear((embeddings - self.mean) / self.deviation)
        return logits


class EmotionModel(nn.Module):
    """An encoder with a head: waveforms (B, samples) to logits (B, emotions), one sigmoid an emotion."""

    def __init__(self, encoder: Encoder, n_emotions: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = EmotionHead(encoder.features, n_emotions)

    def forward(self, waveforms: Tensor, masks: Tensor | None = None) -> Tensor:
        """Returns logits, float32 (B, emotions); masks hide parts of the spectrogram."""
        embeddings = self.encoder(waveforms, masks)
        with torch.autocast(waveforms.device.type, enabled=False):
            logits: Tensor = self.head(embeddings.float())
        return logits


class Ensemble(nn.Module):
    """Emotion models that answer together, each in the number format that suits its backbone.

    `forward` gives the members' logits, (B, members * emotions), so that the windows of a clip are averaged as logits,
    member by member; `probabilities` makes one answer of them.

    Args:
        members: models of the same emotions.
        temperatures: (members, emotions) by which each member's logits are divided.
        thresholds: (members, emotions) of each member, for `vote`.
        how: they become one answer; see `combine`.
        weights: (members,), for `weighted`.
        single_label: whether each recording carries exactly one emotion.
    """

    def __init__(
        self,
        members: Sequence[EmotionModel],
        temperatures: Array,
        thresholds: Array,
        how: EnsembleMethod,
        weights: Array | None = None,
        *,
        single_label: bool = False,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.temperatures = temperatures
        self.thresholds = thresholds
        self.how: EnsembleMethod = how
        self.weights = weights
        self.single_label = single_label

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns logits (B, members * emotions), each member's as it gives them alone."""
        kind = waveforms.device.type
        logits = []
        for member in self.members:
            assert isinstance(member, EmotionModel)
            encoder = member.encoder
            window_s = waveforms.shape[1] / encoder.settings.spectrogram.sample_rate
            half = choose_precision("auto", encoder.backbone, kind, window_s) == "bf16-mixed"
            with torch.autocast(kind, dtype=torch.bfloat16, enabled=half):
                logits.append(member(waveforms))
        return torch.cat(logits, dim=1)

    def probabilities(self, logits: Array) -> Array:
        """Returns (n, emotions) from logits (n, members * emotions)."""
        by_member = logits.reshape(len(logits), *self.temperatures.shape)  # (n, members, emotions)
        calibrated = calibrate(by_member, self.temperatures)
        return combine(calibrated.swapaxes(0, 1), self.thresholds, self.how, self.weights, self.single_label)


def combine(
    probabilities: Array,
    thresholds: Array,
    how: EnsembleMethod,
    weights: Array | None = None,
    single_label: bool = False,
) -> Array:
    """Returns one answer (n, emotions) of many.

    Args:
        probabilities: (members, n, emotions).
        thresholds: (members, emotions), used by `vote`.
        how: `mean`; `weighted`, the mean under weights; or `vote`, the share of members whose probability reaches their
            threshold. Where there is a single label, each member votes for its likeliest emotion, and the mean counts
            as one voter more: it decides only where votes are level.
        weights: (members,), at least 0 and in sum 1, used by `weighted`.
        single_label: whether each clip carries exactly one emotion.
    """
    if how == "weighted":
        assert weights is not None
        return np.asarray(np.tensordot(weights, probabilities, axes=1), dtype=np.float64)
    mean = np.asarray(probabilities.mean(axis=0), dtype=np.float64)
    if how == "mean":
        return mean
    if not single_label:
        return np.asarray((probabilities >= thresholds[:, None]).mean(axis=0), dtype=np.float64)
    votes = np.eye(probabilities.shape[2])[probabilities.argmax(axis=2)].sum(axis=0)
    return np.asarray((votes + mean) / (len(probabilities) + 1), dtype=np.float64)
