"""From recordings to the probability of each emotion."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from emoclr.configs.console import progress
from emoclr.corpus.audio.channels import ChannelChoice
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.samples import SILENT_PEAK_DB
from emoclr.corpus.decoded.waveforms import Failure
from emoclr.corpus.index.audio_files import find_audio
from emoclr.corpus.parallel.engines import RayEngine
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.stream.batches import Batch, Place
from emoclr.predict.stream.parts import Pieces, predict_parts, predict_parts_on_ray
from emoclr.predict.stream.remarks import Remark
from emoclr.predict.stream.rows import Over, Row, RowKind, RowMaker, Spoken, Window
from emoclr.pretrain.encoder.streamed_windows import RecordingEnd


@dataclass(frozen=True)
class Predictions:
    """One row a recording, a window or a segment, in the order of the recordings, and what there is to say of these.

    Attributes:
        emotions: the names of all probabilities.
        rows: see `PredictionRow` and `Segment`.
        remarks: see `Remark`.
        recordings: all that were asked for, in their order.
        kind: what a row is of.
        cautions: what forbids conclusions from all of them.

    Examples:
        >>> import numpy as np
        >>> from emoclr.predict.stream.rows import PredictionRow
        >>> row = PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"])
        >>> Predictions(["joy", "fear"], [row]).rows[0].end_s
        2.5
    """

    emotions: list[str]
    rows: list[Row]
    remarks: list[Remark] = field(default_factory=list)
    recordings: list[Path] = field(default_factory=list)
    kind: RowKind = "recording"
    cautions: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[Failure]:
        """The recordings that could not be read."""
        return [Failure(remark.path, remark.reason) for remark in self.remarks if remark.status == "unreadable"]


@dataclass(frozen=True)
class Progress:
    """What a batch adds to predictions.

    Attributes:
        rows: in the order of the recordings.
        items: the windows that these are made of, and the ends of recordings.
        remarks: on recordings that are over.
        spoken: in the recordings that are over and can be read, one each.
        place: where the next batch begins.
    """

    rows: list[Row]
    items: list[Window | Over]
    remarks: list[Remark]
    spoken: list[Spoken]
    place: Place


def predict(
    ensemble: Ensemble,
    card: EnsembleCard,
    sources: Sequence[Path],
    *,
    kind: RowKind = "recording",
    gate: bool = True,
    device: str = "cpu",
) -> Predictions:
    """Returns the emotions of recordings.

    Args:
        ensemble: from `load_ensemble`.
        card: its card; says windows and thresholds.
        sources: files, and folders that are walked.
        kind: what a row is of.
        gate: name no emotion where nobody speaks, laughs, cries or shouts; False for music and other sounds.
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
        >>> found = predict(ensemble, card, [path], kind="window")
        >>> [(row.start_s, row.end_s, row.voice) for row in found.rows], [remark.status for remark in found.remarks]
        ([(0.0, 1.0, 0.0), (0.5, 1.5, 0.0)], ['silent'])
    """
    found = Predictions(card.emotions, [], [], find_audio(sources), kind, card.cautions)
    for batch in predict_files(ensemble, card, found.recordings, kind=kind, gate=gate, device=device):
        found.rows.extend(batch.rows)
        found.remarks.extend(batch.remarks)
    return found


def predict_files(
    ensemble: Ensemble,
    card: EnsembleCard,
    paths: Sequence[Path],
    *,
    kind: RowKind = "recording",
    gate: bool = True,
    device: str = "cpu",
    begin: Place | None = None,
    channels: Sequence[int] | None = None,
    hear: Callable[[Pieces], Pieces] | None = None,
    engine: RayEngine | None = None,
) -> Iterator[Progress]:
    """Yields the emotions of recordings as they are found, batch by batch; processes decode the next ones meanwhile.

    Args:
        ensemble: from `load_ensemble`.
        card: its card.
        paths: the recordings.
        kind: what a row is of.
        gate: name no emotion where nobody speaks.
        device: "cpu" or "cuda".
        begin: the place of an earlier batch of the same recordings, to go on there.
        channels: the one of each recording that is heard; None for what the card says. See `separate_channels`.
        hear: gets the pieces of all recordings from `begin` on, and yields them as they are; not with `engine`.
        engine: a Ray cluster on whose cores the networks run, in place of `device`; the rows are the same.
    """
    begin = begin or Place()
    choices: Sequence[ChannelChoice] = channels or [card.channels] * len(paths)
    work = ensemble, card, begin, paths, choices
    batches = (
        predict_parts_on_ray(engine, *work, gate=gate)
        if engine
        else predict_parts(*work, gate=gate, device=device, hear=hear)
    )
    maker = RowMaker(ensemble, card, paths, kind, begin.state, channels)
    with progress("predicting", len(paths), "recording") as show:
        for batch in batches:
            yield progress_of(batch, paths, maker, channels)
            show(batch.recording + batch.heard)


def progress_of(
    batch: Batch, paths: Sequence[Path], maker: RowMaker, channels: Sequence[int] | None = None
) -> Progress:
    """Returns what a batch adds to predictions of the recordings `paths`, of which these channels are heard."""
    rows = maker.rows(batch.items)
    remarks: list[Remark] = []
    for end, *heard in batch.ends:
        where = f"channel {channels[end.recording]}: " if channels and heard[0] else ""
        found = remarks_on(paths[end.recording], end, *heard)
        remarks += [replace(remark, reason=where + remark.reason) for remark in found]
    spoken, maker.spoken = maker.spoken, []
    return Progress(
        rows, batch.items, remarks, spoken, Place(batch.recording, batch.windows, batch.voiced, maker.state)
    )


def remarks_on(path: Path, end: RecordingEnd, windows: int, voiced: int = 1) -> Iterator[Remark]:
    """Yields what there is to say of a recording that is over, of so many windows, of which some have a voice."""
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
    elif not voiced:
        yield Remark(path, "voiceless", "nobody speaks in it; --gate none hears it all the same")
    if notes:
        yield Remark(path, "note", "; ".join(notes))
