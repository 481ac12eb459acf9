"""From recordings to the probability of each emotion."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emoclr.configs.console import progress
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.decoded.decode_stream import decode_streams
from emoclr.corpus.decoded.waveforms import Failure
from emoclr.corpus.index.audio_files import find_audio
from emoclr.evaluate.metrics.arrays import Array
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.batches import Batch, Place, Stretch, predict_batches
from emoclr.predict.remarks import Remark
from emoclr.pretrain.encoder.streamed_windows import RecordingEnd


@dataclass(frozen=True)
class PredictionRow:
    """The emotions of a recording, or of one window of it, from `start_s` to `end_s`.

    Attributes:
        path: the recording, as it was given.
        start_s: s.
        end_s: s.
        probabilities: (emotions,) in [0, 1].
        emotions: those over their threshold; the likeliest one where each recording has one emotion.

    Examples:
        >>> import numpy as np
        >>> PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"]).emotions
        ['joy']
    """

    path: Path
    start_s: float
    end_s: float
    probabilities: Array
    emotions: list[str]


@dataclass(frozen=True)
class Predictions:
    """One row a recording or a window, in the order of the recordings, and what there is to say of recordings.

    Attributes:
        emotions: the names of all probabilities.
        rows: see `PredictionRow`.
        remarks: see `Remark`.
        recordings: all that were asked for, in their order.

    Examples:
        >>> import numpy as np
        >>> row = PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"])
        >>> Predictions(["joy", "fear"], [row]).rows[0].end_s
        2.5
    """

    emotions: list[str]
    rows: list[PredictionRow]
    remarks: list[Remark] = field(default_factory=list)
    recordings: list[Path] = field(default_factory=list)

    @property
    def failures(self) -> list[Failure]:
        """The recordings that could not be read."""
        return [Failure(remark.path, remark.reason) for remark in self.remarks if remark.status == "unreadable"]


@dataclass(frozen=True)
class Progress:
    """What a batch adds to predictions.

    Attributes:
        rows: in the order of the recordings.
        stretches: what these are made of.
        remarks: on recordings that are over.
        recordings: how many with a row are over.
        place: where the next batch begins.
    """

    rows: list[PredictionRow]
    stretches: list[Stretch]
    remarks: list[Remark]
    recordings: int
    place: Place


def predict(
    ensemble: Ensemble,
    card: EnsembleCard,
    sources: Sequence[Path],
    *,
    timeline: bool = False,
    device: str = "cpu",
) -> Predictions:
    """Returns the emotions of recordings.

    Args:
        ensemble: from `load_ensemble`.
        card: its card; says windows and thresholds.
        sources: files, and folders that are walked.
        timeline: one row a window in place of one a recording.
        device: "cpu" or "cuda".

    Raises:
        ConfigError: a source does not exist, is an archive or a table, or there are no recordings.

    Examples:
        >>> import tempfile
        >>> import numpy as np, soundfile
        >>> from emoclr.finetune import EmotionModel
        >>> from emoclr.pretrain import Encoder, EncoderSettings
        >>> path = Path(tempfile.mkdtemp()) / "silence.wav"
        >>> soundfile.write(path, np.zeros(24_000), 16_000)
        >>> model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), n_emotions=2)
        >>> ensemble = Ensemble([model], np.ones((1, 2)), np.full((1, 2), 0.5), "mean")
        >>> card = EnsembleCard(members=["."], emotions=["joy", "fear"], thresholds=[0.5, 0.5], window_s=1.0, hop_s=0.5)
        >>> found = predict(ensemble, card, [path], timeline=True)
        >>> [(row.start_s, row.end_s) for row in found.rows], [remark.status for remark in found.remarks]
        ([(0.0, 1.0), (0.5, 1.5)], ['silent'])
    """
    found = Predictions(card.emotions, [], [], find_audio(sources))
    for batch in predict_files(ensemble, card, found.recordings, timeline=timeline, device=device):
        found.rows.extend(batch.rows)
        found.remarks.extend(batch.remarks)
    return found


def predict_files(
    ensemble: Ensemble,
    card: EnsembleCard,
    paths: Sequence[Path],
    *,
    timeline: bool = False,
    device: str = "cpu",
    begin: Place | None = None,
) -> Iterator[Progress]:
    """Yields the emotions of recordings as they are found, batch by batch; processes decode the next ones meanwhile.

    Args:
        ensemble: from `load_ensemble`.
        card: its card.
        paths: the recordings.
        timeline: one row a window in place of one a recording.
        device: "cpu" or "cuda".
        begin: the place of an earlier batch of the same recordings, to go on there.
    """
    begin = begin or Place()
    pieces = (
        (begin.recording + number, piece) for number, piece in decode_streams(paths[begin.recording :], card.channels)
    )
    batches = predict_batches(ensemble, card, pieces, timeline=timeline, device=device, begin=begin)
    with progress("predicting", len(paths), "recording") as show:
        for batch in batches:
            yield progress_of(batch, paths, ensemble, card)
            show(batch.place.recording + batch.heard)


def progress_of(batch: Batch, paths: Sequence[Path], ensemble: Ensemble, card: EnsembleCard) -> Progress:
    """Returns what a batch adds to predictions of the recordings `paths`."""
    rows = rows_of(batch.stretches, paths, ensemble, card)
    remarks = [remark for end, windows in batch.ends for remark in remarks_on(paths[end.recording], end, windows)]
    over = sum(windows > 0 for _, windows in batch.ends)
    return Progress(rows, batch.stretches, remarks, over, batch.place)


def rows_of(
    stretches: Sequence[Stretch], paths: Sequence[Path], ensemble: Ensemble, card: EnsembleCard
) -> list[PredictionRow]:
    """Returns the rows of stretches of the recordings `paths`."""
    if not stretches:
        return []
    found = ensemble.probabilities(np.stack([stretch.logits for stretch in stretches]))
    return [
        PredictionRow(paths[stretch.recording], stretch.start_s, stretch.end_s, of_row, named(of_row, card))
        for stretch, of_row in zip(stretches, found, strict=True)
    ]


def named(probabilities: Array, card: EnsembleCard) -> list[str]:
    """Returns the emotions that probabilities (emotions,) name: those at or over their threshold.

    Where every training clip carried exactly one emotion, the likeliest one.
    """
    if card.single_label:
        return [card.emotions[int(probabilities.argmax())]]
    return [name for name, p, least in zip(card.emotions, probabilities, card.thresholds, strict=True) if p >= least]


def remarks_on(path: Path, end: RecordingEnd, windows: int) -> Iterator[Remark]:
    """Yields what there is to say of a recording that is over, of which so many windows were heard."""
    failure, partial, notes = end.ended
    if not windows:
        yield Remark(path, "unreadable", failure)
        return
    if failure:
        partial = f"breaks off after {end.samples / SAMPLE_RATE:.2f} s: {failure}"
    if partial:
        yield Remark(path, "partial", partial)
    if end.silent:
        yield Remark(path, "silent", f"no sample above {SILENT_PEAK_DB:g} dBFS")
    if notes:
        yield Remark(path, "note", "; ".join(notes))
