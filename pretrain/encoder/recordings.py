"""Recordings to embeddings, as a notebook asks for them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from torch import nn

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import Padding
from emoclr.corpus.clips.segmented_index import segmented_index as index_of
from emoclr.corpus.decoded.decode_stream import Piece, array_streams, decode_streams
from emoclr.corpus.decoded.recordings import Recordings, paths_in, waveforms_of
from emoclr.corpus.decoded.telling import Streamed, lines_about
from emoclr.corpus.index.audio_files import find_audio
from emoclr.pretrain.encoder.checkpoint import EncoderCard, load_encoder
from emoclr.pretrain.encoder.devices import Device, choose_device
from emoclr.pretrain.encoder.embedding import Embeddings, PrecisionSetting, WindowNetwork
from emoclr.pretrain.encoder.encoder import Encoder
from emoclr.pretrain.encoder.streamed_windows import (
    EmbeddedRow,
    EmbeddingBatch,
    EmbeddingPlace,
    RecordingEnd,
    stream_windows,
)

if TYPE_CHECKING:
    import pandas as pd

Gate = Literal["voice", "none"]


@overload
def embed(
    encoder: str | Path | Encoder | tuple[Encoder, EncoderCard],
    recordings: Recordings,
    sample_rate: int | None = None,
    *,
    window_s: float | None = None,
    hop_s: float | None = None,
    timeline: bool = False,
    gate: Gate = "voice",
    segmented_index: Literal[False] = False,
    device: Device | None = None,
) -> Embeddings: ...


@overload
def embed(
    encoder: str | Path | Encoder | tuple[Encoder, EncoderCard],
    recordings: Recordings,
    sample_rate: int | None = None,
    *,
    window_s: float | None = None,
    hop_s: float | None = None,
    timeline: bool = False,
    gate: Gate = "voice",
    segmented_index: Literal[True],
    device: Device | None = None,
) -> "pd.DataFrame": ...


def embed(
    encoder: str | Path | Encoder | tuple[Encoder, EncoderCard],
    recordings: Recordings,
    sample_rate: int | None = None,
    *,
    window_s: float | None = None,
    hop_s: float | None = None,
    timeline: bool = False,
    gate: Gate = "voice",
    segmented_index: bool = False,
    device: Device | None = None,
) -> "Embeddings | pd.DataFrame":
    """Returns one embedding a recording, float32 (recordings, features): the mean over overlapping windows.

    Of a recording in which somebody speaks these are the windows with a voice, of another one all.

    Args:
        encoder: a backbone's folder, a run folder with one backbone, the name of a released one, what `load_encoder`
            returns, or an `Encoder`.
        recordings: a file, a folder, an array `(samples,)`, or a sequence of files and folders or of arrays. A folder
            gives its recordings sorted by path.
        sample_rate: of arrays, Hz; files name their own.
        window_s: length of a window, s; None for the length of the views that the encoder was trained on.
        hop_s: distance between windows, s; None for half a window.
        timeline: one embedding a window, with a voice or not, in place of one a recording.
        gate: "none" takes all windows, as for music and other sounds.
        segmented_index: a pandas DataFrame by `file`, `start` and `end`, see `segmented_index`, in place of an array.
            A file that cannot be read has no row then; a line names it.
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
    windows = encoder_windows(network, card, window_s, hop_s)
    found = embed_windows(network, windows, recordings, sample_rate, timeline=timeline, gate=gate, device=device)
    return found.frame() if segmented_index else found.array()


@dataclass(frozen=True)
class Windows:
    """How recordings become windows.

    Attributes:
        window_s: length of a window, s.
        hop_s: distance between windows, s.
        short: how a recording that is shorter than a window fills it.
        channels: of recordings that are heard.
        precision: of the network, see `embed_clips`.
    """

    window_s: float
    hop_s: float
    short: Padding
    channels: ChannelChoice
    precision: PrecisionSetting = "auto"


@dataclass
class Embedded:
    """Embeddings of recordings or windows, of which each is a part of a recording.

    Attributes:
        rows: float32 (features,) each.
        files: the recording of each row, or its position among arrays.
        starts_s: of each row, s.
        ends_s: of each row, s.
        failures: why recordings have no row.
    """

    rows: list[Embeddings] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, row: Embeddings, file: str, start_s: float, end_s: float) -> None:
        """Adds a row."""
        self.rows.append(row)
        self.files.append(file)
        self.starts_s.append(start_s)
        self.ends_s.append(end_s)

    def array(self) -> Embeddings:
        """Returns float32 (rows, features).

        Raises:
            EmoclrError: a recording has no row, and so the rows after it would be taken for those of others.
        """
        if self.failures:
            raise EmoclrError(self.failures[0])
        return np.stack(self.rows)

    def frame(self) -> "pd.DataFrame":
        """Returns a DataFrame with the features as columns, by `segmented_index`; says which recordings have no row.

        Raises:
            EmoclrError: none has a row.
        """
        import pandas as pd

        if not self.rows:
            raise EmoclrError(f"no recording can be read; the first: {self.failures[0]}")
        for failure in self.failures:
            say(failure)
        return pd.DataFrame(np.stack(self.rows), index=index_of(self.files, self.starts_s, self.ends_s))


def embed_windows(
    network: nn.Module,
    windows: Windows,
    recordings: Recordings,
    sample_rate: int | None,
    *,
    timeline: bool,
    gate: Gate,
    device: Device | None,
) -> Embedded:
    """Returns what a network gives for recordings, or for their windows with `timeline`; see `embed`."""
    sources = paths_in(recordings)
    paths: list[Path] = []
    if sources is None:
        pieces = array_streams(waveforms_of(recordings, sample_rate))  # type: ignore[arg-type]
    else:
        paths = [path for source in sources for path in find_audio([source])]
        pieces = decode_streams(paths, windows.channels)
    found, heard = Embedded(), Streamed(paths)
    batches = stream_embeddings(
        network, windows, pieces, timeline=timeline, gate=gate == "voice", device=device or choose_device()
    )
    for batch in batches:
        for row in batch.rows:
            found.add(row.embedding, str(paths[row.recording] if paths else row.recording), row.start_s, row.end_s)
        if paths:
            found.failures.extend(why for end, _, _ in batch.ends for why in _failures(end, heard))
    for line in lines_about(heard):
        say(line)
    return found


def stream_embeddings(
    network: nn.Module,
    windows: Windows,
    pieces: Iterable[tuple[int, Piece]],
    *,
    timeline: bool,
    gate: bool,
    device: str,
    begin: EmbeddingPlace | None = None,
) -> Iterator[EmbeddingBatch]:
    """Yields what a network gives for recordings, or for their windows with `timeline`, batch by batch.

    Args:
        network: takes windows (B, samples) and gives (B, features).
        windows: how they are cut.
        pieces: of the recordings from number `begin.recording` on; see `decode_streams`.
        timeline: one row a window in place of one a recording.
        gate: of a recording in which somebody speaks, the mean over the windows with a voice.
        device: "cpu" or "cuda".
        begin: the place of an earlier batch; None for the beginning.
    """
    on_device = WindowNetwork(network, windows.window_s, device, windows.precision, "embedding")
    place = begin or EmbeddingPlace()
    batches = stream_windows(
        on_device, pieces, windows.window_s, windows.hop_s, windows.short, place.windows, gate=gate, spare=False
    )
    for batch in batches:
        rows: list[EmbeddedRow] = []
        ends: list[tuple[RecordingEnd, int, int]] = []
        for item in batch:
            place = replace(place, recording=item.recording)
            if isinstance(item, RecordingEnd):
                if place.windows and not timeline:
                    rows.append(place.row(item.samples))
                ends.append((item, place.windows, place.voiced))
                place = EmbeddingPlace(item.recording + 1)
                continue
            place = place.after(item)
            if timeline:
                start_s, end_s = item.start / SAMPLE_RATE, item.end / SAMPLE_RATE
                rows.append(EmbeddedRow(item.recording, start_s, end_s, item.voice, item.output))
        yield EmbeddingBatch(rows, ends, place)


def encoder_windows(
    network: Encoder, card: EncoderCard | None, window_s: float | None = None, hop_s: float | None = None
) -> Windows:
    """Returns how recordings become windows of an encoder; see `embed`.

    Raises:
        ConfigError: nothing says how long they are.
    """
    window_s = window_s or (card.crop_s if card else None)
    if window_s is None:
        raise ConfigError("window_s: an Encoder without its card does not say how long its windows are")
    hop_s = min(hop_s or window_s / 2, window_s)
    return Windows(window_s, hop_s, network.settings.short, card.channels if card else "auto")


def _failures(end: RecordingEnd, heard: Streamed) -> Iterator[str]:
    """Takes down what there is to say of a recording; yields why it could not be read, or not to its end."""
    number, (failure, partial, notes) = end.recording, end.ended
    if failure:
        yield f"{heard.path(number)}: {failure}"
        return
    if partial:
        heard.partial[number] = partial
    if notes:
        heard.notes[number] = "; ".join(notes)
    heard.silent[number] = end.silent
