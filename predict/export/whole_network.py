"""All that lies between waveforms and probabilities, or embeddings, as one network that can be written into a file."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from emoclr.augment.settings import SpectrogramSettings
from emoclr.finetune.model.combination import equal_weights
from emoclr.finetune.model.emotion_model import EmotionModel, Ensemble
from emoclr.predict.export.matrix_spectrogram import MatrixSpectrogram
from emoclr.pretrain.encoder.encoder import Encoder


def _vote(probabilities: Tensor, thresholds: Tensor, weights: Tensor, single_label: bool) -> Tensor:
    if not single_label:
        return (probabilities >= thresholds).float().mean(dim=1)
    votes = nn.functional.one_hot(probabilities.argmax(dim=2), probabilities.shape[2]).float().sum(dim=1)
    return (votes + probabilities.mean(dim=1)) / (probabilities.shape[1] + 1)


COMBINATIONS: dict[str, Callable[[Tensor, Tensor, Tensor, bool], Tensor]] = {
    "mean": lambda probabilities, thresholds, weights, single_label: probabilities.mean(dim=1),
    "weighted": lambda probabilities, thresholds, weights, single_label: (probabilities * weights[:, None]).sum(dim=1),
    "vote": _vote,
}
"""Those of `finetune`, on tensors: (B, e) of probabilities (B, M, e), thresholds (M, e) and weights (M,)."""


class _SharedSpectrograms(nn.Module):
    """Encoders on waveforms (B, samples); those with the same settings share a spectrogram."""

    def __init__(self, encoders: Iterable[Encoder]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        spectrograms: dict[SpectrogramSettings, MatrixSpectrogram] = {}
        for encoder in self._encoders:
            if encoder.settings.spectrogram not in spectrograms:
                spectrograms[encoder.settings.spectrogram] = MatrixSpectrogram(encoder.spectrogram)
        self.spectrograms = nn.ModuleList(spectrograms.values())
        self._of_encoder = [list(spectrograms).index(encoder.settings.spectrogram) for encoder in self._encoders]

    def forward(self, waveforms: Tensor) -> list[Tensor]:
        """Returns the embeddings of each encoder, (B, features)."""
        images = [spectrogram(waveforms) for spectrogram in self.spectrograms]
        return [encoder.embed(images[of]) for encoder, of in zip(self._encoders, self._of_encoder, strict=True)]

    @property
    def _encoders(self) -> list[Encoder]:
        return [encoder for encoder in self.encoders if isinstance(encoder, Encoder)]


class WaveformToEmbeddings(nn.Module):
    """An encoder with its spectrogram as matrix products: waveforms (B, samples) to embeddings (B, features).

    Examples:
        >>> from emoclr.pretrain import EncoderSettings
        >>> encoder = Encoder(EncoderSettings(backbone="test_resnet")).eval()
        >>> WaveformToEmbeddings(encoder)(torch.zeros(2, 16_000)).shape
        torch.Size([2, 192])
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoders = _SharedSpectrograms([encoder])

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns embeddings (B, features)."""
        (embeddings,) = self.encoders(waveforms)
        found: Tensor = embeddings
        return found


class WaveformToProbabilities(nn.Module):
    """An ensemble with its spectrogram, temperatures and combination: waveforms (B, samples) to (B, emotions).

    Examples:
        >>> import numpy as np
        >>> from emoclr.pretrain import EncoderSettings
        >>> members = [EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), 3) for _ in range(2)]
        >>> ensemble = Ensemble(members, np.ones((2, 3)), np.full((2, 3), 0.5), "mean").eval()
        >>> WaveformToProbabilities(ensemble)(torch.zeros(2, 16_000)).shape
        torch.Size([2, 3])
    """

    temperatures: Tensor
    thresholds: Tensor
    weights: Tensor

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        models = [member for member in ensemble.members if isinstance(member, EmotionModel)]
        self.encoders = _SharedSpectrograms(model.encoder for model in models)
        self.heads = nn.ModuleList(model.head for model in models)
        weights = equal_weights(len(models)) if ensemble.weights is None else ensemble.weights
        self.register_buffer("temperatures", torch.from_numpy(ensemble.temperatures).float())  # (M, e)
        self.register_buffer("thresholds", torch.from_numpy(ensemble.thresholds).float())  # (M, e)
        self.register_buffer("weights", torch.from_numpy(weights).float())  # (M,)
        self._combine, self._single_label = COMBINATIONS[ensemble.how], ensemble.single_label

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns probabilities (B, emotions)."""
        embeddings = self.encoders(waveforms)
        logits = [head(found.float()) for head, found in zip(self.heads, embeddings, strict=True)]
        calibrated = torch.sigmoid(torch.stack(logits, dim=1) / self.temperatures)  # (B, M, e)
        return self._combine(calibrated, self.thresholds, self.weights, self._single_label)
