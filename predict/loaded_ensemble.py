"""An ensemble in memory, as a notebook or a service asks it: recordings or arrays in, a table or embeddings out."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

from emoclr.corpus.decoded.recordings import Recordings
from emoclr.finetune.model import checkpoint
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble, EnsembleEncoder
from emoclr.predict.data_frame import predict_frame
from emoclr.pretrain.encoder.devices import Device
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.pretrain.encoder.recordings import Gate, Windows, embed_windows

if TYPE_CHECKING:
    import pandas as pd


def load_ensemble(source: str | Path) -> "LoadedEnsemble":
    """Returns the ensemble of a folder, or one backbone's model as an ensemble of one, ready to be asked.

    Args:
        source: a folder of `finetune`, one backbone's folder in it, the name of a released one such as
            `emoclr-small-emotions`, or `hf:OWNER/NAME`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds no ensemble, or a damaged one.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from emoclr.finetune.model.checkpoint import save_model
        >>> from emoclr.finetune.model.emotion_model import EmotionModel
        >>> from emoclr.pretrain import Encoder, EncoderSettings
        >>> model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), 2)
        >>> rest = {"emotions": ["joy", "fear"], "thresholds": [0.5, 0.5], "temperatures": [1.0, 1.0]}
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = save_model(folder, model, window_s=1.0, hop_s=0.5, corpus_fingerprint="", started_from="", **rest)
        >>> emotions = load_ensemble(folder)
        >>> emotions.predict(np.zeros(24_000), sample_rate=16_000)["end_s"].tolist()
        [1.5]
        >>> emotions.embed(np.zeros(24_000), sample_rate=16_000, timeline=True).shape
        (2, 192)
    """
    return LoadedEnsemble(*checkpoint.load_ensemble(source))


class LoadedEnsemble(NamedTuple):
    """An ensemble and its card, which several threads may ask at once.

    Attributes:
        ensemble: the network.
        card: all about it but its weights: emotions, thresholds, windows.
    """

    ensemble: Ensemble
    card: EnsembleCard

    def predict(
        self,
        recordings: Recordings,
        sample_rate: int | None = None,
        *,
        timeline: bool = False,
        segments: bool = False,
        gate: Gate = "voice",
        channels: Literal["separate"] | None = None,
        segmented_index: bool = False,
        device: Device | None = None,
    ) -> "pd.DataFrame":
        """Returns the probability of each emotion; see `predict_frame`."""
        return predict_frame(
            self,
            recordings,
            sample_rate,
            timeline=timeline,
            segments=segments,
            gate=gate,
            channels=channels,
            segmented_index=segmented_index,
            device=device,
        )

    @overload
    def embed(
        self,
        recordings: Recordings,
        sample_rate: int | None = None,
        *,
        timeline: bool = False,
        gate: Gate = "voice",
        segmented_index: Literal[False] = False,
        device: Device | None = None,
    ) -> Embeddings: ...

    @overload
    def embed(
        self,
        recordings: Recordings,
        sample_rate: int | None = None,
        *,
        timeline: bool = False,
        gate: Gate = "voice",
        segmented_index: Literal[True],
        device: Device | None = None,
    ) -> "pd.DataFrame": ...

    def embed(
        self,
        recordings: Recordings,
        sample_rate: int | None = None,
        *,
        timeline: bool = False,
        gate: Gate = "voice",
        segmented_index: bool = False,
        device: Device | None = None,
    ) -> "Embeddings | pd.DataFrame":
        """Returns the embeddings of the members' encoders side by side; see `emoclr.embed`.

        Windows are those of `predict`.
        """
        found = embed_windows(*self.encoder(), recordings, sample_rate, timeline=timeline, gate=gate, device=device)
        return found.frame() if segmented_index else found.array()

    def encoder(self) -> tuple[EnsembleEncoder, Windows]:
        """Returns the members' encoders as one, and how recordings become its windows."""
        card = self.card
        # Members choose their precision themselves.
        return EnsembleEncoder(self.ensemble), Windows(card.window_s, card.hop_s, card.short, card.channels, "fp32")
