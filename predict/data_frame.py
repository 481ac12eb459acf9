"""Predictions as a pandas DataFrame, as a notebook asks for them."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.corpus.clips.segmented_index import segmented_index as index_of
from emoclr.corpus.decoded.decode_stream import array_streams, separate_channels
from emoclr.corpus.decoded.recordings import Recordings, paths_in, waveforms_of
from emoclr.corpus.index.audio_files import find_audio
from emoclr.finetune.model.checkpoint import EnsembleCard, load_ensemble
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.output.out_path import FIRST_COLUMNS
from emoclr.predict.output.tables import Columns
from emoclr.predict.run import predict_files
from emoclr.predict.stream.batches import Place, predict_batches
from emoclr.predict.stream.remarks import Remark, summary_of
from emoclr.predict.stream.rows import Row, RowKind, RowMaker
from emoclr.pretrain.encoder.devices import Device, choose_device

if TYPE_CHECKING:
    import pandas as pd


def predict_frame(
    ensemble: str | Path | tuple[Ensemble, EnsembleCard],
    recordings: Recordings,
    sample_rate: int | None = None,
    *,
    timeline: bool = False,
    segments: bool = False,
    gate: Literal["voice", "none"] = "voice",
    channels: Literal["separate"] | None = None,
    segmented_index: bool = False,
    device: Device | None = None,
) -> "pd.DataFrame":
    """Returns the probability of each emotion, one row a recording.

    The columns are those of the `predict` command, `emotions` as a list; where nobody speaks that is empty, and
    probabilities are NaN. The `path` of an array is its position. A file that cannot be read has no row; a line names
    it.

    Args:
        ensemble: a folder of `finetune`, one backbone's folder in it, the name of a released one, or what
            `load_ensemble` returns.
        recordings: a file, a folder, an array `(samples,)`, or a sequence of files and folders or of arrays. A folder
            gives its recordings sorted by path.
        sample_rate: of arrays, Hz; files name their own.
        timeline: one row a window in place of one a recording.
        segments: one row a segment.
        gate: "none" hears everything, as for music and other sounds.
        channels: "separate" hears each channel of a file alone, as of a call with a voice on each side; the frame has a
            column `channel` then, from 1 on. None mixes them as in training.
        segmented_index: rows by `file`, `start` and `end`, see `segmented_index`, in place of three columns.
        device: "cpu" or "cuda"; None for a GPU where there is one.

    Raises:
        CheckpointError: the folder holds no ensemble.
        ConfigError: a path does not exist, an array is no mono waveform, or `channels` are of arrays.
        EmoclrError: no recording can be read.

    Examples:
        >>> import numpy as np
        >>> from emoclr.finetune import EmotionModel, EnsembleCard
        >>> from emoclr.finetune.model.checkpoint import build_ensemble
        >>> from emoclr.pretrain import Encoder, EncoderSettings
        >>> model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), n_emotions=2)
        >>> ensemble = Ensemble([model], np.ones((1, 2)), np.full((1, 2), 0.5), "mean")
        >>> card = EnsembleCard(members=["."], emotions=["joy", "fear"], thresholds=[0.5, 0.5], window_s=1.0, hop_s=0.5)
        >>> silence = [np.zeros(16_000), np.zeros(8_000)]
        >>> frame = predict_frame((ensemble, card), silence, sample_rate=16_000, timeline=True)
        >>> list(frame.columns), frame["end_s"].tolist(), frame["emotions"].tolist()
        (['path', 'start_s', 'end_s', 'voice', 'joy', 'fear', 'emotions'], [1.0, 0.5], [[], []])
    """
    import pandas as pd

    network, card = load_ensemble(ensemble) if isinstance(ensemble, str | Path) else ensemble
    device = device or choose_device()
    kind: RowKind = "window" if timeline else "segment" if segments else "recording"
    gated = gate == "voice"
    rows: list[Row] = []
    sources = paths_in(recordings)
    if sources is None:
        if channels:
            raise ConfigError(f"channels={channels!r}: is of files; give each channel as an array of its own")
        waveforms = waveforms_of(recordings, sample_rate)  # type: ignore[arg-type]
        maker = RowMaker(network, card, [Path(str(number)) for number in range(len(waveforms))], kind)
        pieces = array_streams(waveforms)
        for batch in predict_batches(network, card, pieces, gate=gated, device=device, begin=Place()):
            rows.extend(maker.rows(batch.items))
    else:
        paths, numbers = find_audio(sources), None
        if channels:
            paths, numbers = separate_channels(paths)
        remarks: list[Remark] = []
        for found in predict_files(network, card, paths, kind=kind, gate=gated, device=device, channels=numbers):
            rows.extend(found.rows)
            remarks.extend(found.remarks)
        for line in summary_of(remarks, paths):
            say(line)
        failures = [remark for remark in remarks if remark.status == "unreadable"]
        if len(failures) == len(paths):
            raise EmoclrError(f"no recording can be read; the first: {failures[0].path}: {failures[0].reason}")
    columns = Columns.of(card, kind, channel=channels is not None)
    frame = pd.DataFrame([columns.values(row) for row in rows], columns=columns.names)
    if sources is None:
        frame["path"] = frame["path"].astype(int)
    if segmented_index:
        index = index_of(*(frame[name].tolist() for name in FIRST_COLUMNS))
        return frame.drop(columns=FIRST_COLUMNS).set_index(index)
    return frame
