"""Emotion models: an encoder with a head, and an ensemble of several."""

import threading
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from emoclr.evaluate.metrics.arrays import Array
from emoclr.finetune.model.combination import EnsembleMethod, combine
from emoclr.finetune.model.member_precision import measured_bf16
from emoclr.finetune.model.temperatures import calibrate
from emoclr.pretrain.encoder.encoder import Encoder, embed_together
from emoclr.pretrain.encoder.precision import choose_precision

_lock = threading.Lock()


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
    """An encoder with a head: waveforms (B, samples) to logits (B, emotions), one sigmoid an emotion.

    Examples:
        >>> from emoclr.pretrain import EncoderSettings
        >>> model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), n_emotions=3).eval()
        >>> model(torch.zeros(2, 16_000)).shape
        torch.Size([2, 3])
    """

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
    """Emotion models whose probabilities are combined, each computed in the number format that suits its backbone.

    `forward` gives the members' logits, (B, members * emotions), so that the windows of a clip are averaged as logits,
    member by member; `probabilities` combines them.

    Args:
        members: models of the same emotions.
        temperatures: (members, emotions) by which each member's logits are divided.
        thresholds: (members, emotions) of each member, for `vote`.
        how: they are combined; a key of `COMBINATIONS`.
        weights: (members,) where the combination fits them.
        single_label: whether each recording carries exactly one emotion.
        mean_logits: (members * emotions,) of other voices, see `voice_shift`; None where a member does not know them.
        digests: of the members' weights, by which it is kept whether bf16 suits them, see `measured_bf16`; without, the
            rule of training decides.

    Examples:
        >>> import numpy as np
        >>> from emoclr.pretrain import EncoderSettings
        >>> members = [EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), 3) for _ in range(2)]
        >>> ensemble = Ensemble(members, np.ones((2, 3)), np.full((2, 3), 0.5), "mean").eval()
        >>> logits = ensemble(torch.zeros(4, 16_000)).detach().double().numpy()
        >>> logits.shape, ensemble.probabilities(logits).shape
        ((4, 6), (4, 3))
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
        mean_logits: Array | None = None,
        digests: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.temperatures = temperatures
        self.thresholds = thresholds
        self.how = how
        self.weights = weights
        self.single_label = single_label
        self.mean_logits = mean_logits
        self.digests = digests
        self._in_bf16: dict[int, Encoder] = {}

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns the members' logits, (B, members * emotions)."""
        embeddings = self.embeddings(waveforms)
        logits = [member.head(found) for member, found in zip(self._models, embeddings, strict=True)]
        return torch.cat(logits, dim=1)

    def embeddings(self, waveforms: Tensor) -> list[Tensor]:
        """Returns the embeddings of each member's encoder, float32 (B, features)."""
        return embed_together(self._encoders(waveforms.device.type, waveforms.shape[1]), waveforms)

    def _encoders(self, device: str, samples: int) -> list[tuple[Encoder, bool]]:
        """Returns the members' encoders, and which of them compute in bf16."""
        encoders = [member.encoder for member in self._models]
        window_s = samples / encoders[0].settings.spectrogram.sample_rate
        if self.digests is None or device != "cpu":
            chosen = [choose_precision("auto", encoder.backbone, device, window_s) for encoder in encoders]
            return [(encoder, each == "bf16-mixed") for encoder, each in zip(encoders, chosen, strict=True)]
        halves = measured_bf16(self.digests, [partial(self._answer, n) for n in range(len(encoders))], window_s)
        return [(self._encoder(n, half), half) for n, half in enumerate(halves)]

    def _encoder(self, member: int, half: bool) -> Encoder:
        encoder = self._models[member].encoder
        if not half:
            return encoder
        with _lock:
            if member not in self._in_bf16:
                self._in_bf16[member] = encoder.in_bf16()
            return self._in_bf16[member]

    def _answer(self, member: int, waveforms: Tensor, half: bool) -> Tensor:
        """Returns a member's probabilities (B, emotions)."""
        with torch.autocast(waveforms.device.type, dtype=torch.bfloat16, enabled=half):
            embeddings = self._encoder(member, half)(waveforms)
        logits = self._models[member].head(embeddings.float())
        return torch.sigmoid(logits / torch.from_numpy(self.temperatures[member]))

    @property
    def _models(self) -> list[EmotionModel]:
        return [member for member in self.members if isinstance(member, EmotionModel)]

    def probabilities(self, logits: Array) -> Array:
        """Returns (n, emotions) from logits (n, members * emotions)."""
        by_member = logits.reshape(len(logits), *self.temperatures.shape)  # (n, members, emotions)
        calibrated = calibrate(by_member, self.temperatures)
        return combine(calibrated.swapaxes(0, 1), self.thresholds, self.how, self.weights, self.single_label)


class EnsembleEncoder(nn.Module):
    """The encoders of an ensemble as one: waveforms (B, samples) to embeddings (B, features), those of all members.

    Examples:
        >>> import numpy as np
        >>> from emoclr.pretrain import EncoderSettings
        >>> members = [EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), 3) for _ in range(2)]
        >>> encoder = EnsembleEncoder(Ensemble(members, np.ones((2, 3)), np.full((2, 3), 0.5), "mean")).eval()
        >>> encoder(torch.zeros(4, 16_000)).shape
        torch.Size([4, 384])
    """

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.ensemble = ensemble

    def forward(self, waveforms: Tensor) -> Tensor:
        """Returns the members' embeddings side by side, float32 (B, features)."""
        return torch.cat(self.ensemble.embeddings(waveforms), dim=1)
