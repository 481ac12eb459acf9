"""Recordings to embeddings, as a notebook asks for them."""

from pathlib import Path

import numpy as np

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.decoded.decode_stream import array_streams, decode_streams
from emoclr.corpus.decoded.recordings import Recordings, paths_in, waveforms_of
from emoclr.corpus.decoded.telling import Streamed, lines_about
from emoclr.corpus.index.audio_files import find_audio
from emoclr.evaluate.pooling import RunningPool
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_encoder
from emoclr.pretrain.encoder.devices import Device, choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, WindowNetwork
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.streamed_windows import RecordingEnd, WindowOutput, stream_windows


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
        encoder: a backbone's folder, a run folder with one backbone, the name of a released one, what `load_encoder`
            returns, or an `Encoder`.
        recordings: a file, a folder, an array `(samples,)`, or a sequence of files and folders or of arrays. A folder
            gives its recordings sorted by path.
        sample_rate: of arrays, Hz; files name their own.
        window_s: length of a window, s; None for the length of the views that the encoder was trained on.
        hop_s: distance between windows, s; None for half a window.
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
    sources = paths_in(recordings)
    if sources is None:
        names: list[Path] = []
        pieces = array_streams(waveforms_of(recordings, sample_rate))  # type: ignore[arg-type]
    else:
        names = [path for source in sources for path in find_audio([source])]
        pieces = decode_streams(names, card.channels if card else "auto")
    hop_s = min(hop_s or window_s / 2, window_s)
    windows = WindowNetwork(network, window_s, device or choose_device(), "auto", "embedding")
    found, pool, heard = [], RunningPool("mean"), Streamed(names)
    for batch in stream_windows(windows, pieces, window_s, hop_s, network.settings.short):
        for item in batch:
            if isinstance(item, WindowOutput):
                pool.add(item.output.astype(np.float64))
                continue
            if names:
                _note(item, heard)
            found.append(pool.result().astype(np.float32))
            pool = RunningPool("mean")
    for line in lines_about(heard):
        say(line)
    return np.stack(found)


def _note(end: RecordingEnd, heard: Streamed) -> None:
    """Takes down what there is to say of a recording.

    Raises:
        EmoclrError: it could not be read.
    """
    number, (failure, partial, notes) = end.recording, end.ended
    if failure:
        raise EmoclrError(f"{heard.path(number)}: {failure}")
    if partial:
        heard.partial[number] = partial
    if notes:
        heard.notes[number] = "; ".join(notes)
    heard.silent[number] = end.silent
