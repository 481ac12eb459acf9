"""Recordings to embeddings, as a notebook asks for them."""

from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.corpus.decoded.recordings import Recordings, open_recordings
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_encoder
from emoclr.pretrain.encoder.devices import Device, choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, embed_clips
from emoclr.pretrain.encoder.encoder import Encoder


def embed(
    encoder: str | Path | Encoder | tuple[Encoder, EncoderCard],
    recordings: Recordings,
    sample_rate: int | None = None,
    *,
    window_s: float | None = None,
    hop_s: float | None = None,
    device: Device | None = None,
) -> Embeddings:
    """Returns one embedding a recording, float32 (recordings, features): the mean over overlapping windows.

    Args:
        encoder: a backbone's folder, a run folder with one backbone, what `load_encoder` returns, or an `Encoder`.
        recordings: a file, a folder, an array `(samples,)`, or a sequence of files and folders or of arrays. A folder
            gives its recordings sorted by path.
        sample_rate: of arrays, Hz; files name their own.
        window_s: length of a window, s; None for the length of the views that the encoder was trained on.
        hop_s: greatest distance between windows, s; None for half a window.
        device: "cpu" or "cuda"; None for a GPU where there is one.

    Raises:
        CheckpointError: the folder holds no encoder, or several.
        ConfigError: a path does not exist, an array is no mono waveform, or an `Encoder` comes without `window_s`.
        EmoclrError: a recording cannot be read; the message names it.

    Examples:
        >>> import numpy as np
        >>> from emoclr.pretrain import Encoder, EncoderSettings
        >>> encoder = Encoder(EncoderSettings(backbone="test_resnet")).eval()
        >>> embed(encoder, [np.zeros(16_000), np.zeros(24_000)], sample_rate=16_000, window_s=1.0).shape
        (2, 192)
    """
    if isinstance(encoder, str | Path):
        encoder = load_encoder(encoder)
    network, card = encoder if isinstance(encoder, tuple) else (encoder, None)
    window_s = window_s or (card.crop_s if card else None)
    if window_s is None:
        raise ConfigError("window_s: an Encoder without its card does not say how long its windows are")
    with open_recordings(recordings, sample_rate) as store:
        return embed_clips(
            network,
            store,
            window_s,
            min(hop_s or window_s / 2, window_s),
            device=device or choose_device(),
            short=network.settings.short,
        )
