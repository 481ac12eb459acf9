"""From recordings to the probability of each emotion."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import Failure, NoReadableClips, Waveforms, open_waveforms
from emoclr.corpus.index.audio_files import find_audio
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.pooling import pool_windows
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.pretrain.encoder.embedding import Positions, each_window


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
    """One row a recording or a window, in the order of the recordings, and what could not be read.

    Examples:
        >>> row = PredictionRow(Path("a.wav"), 0.0, 2.5, np.array([0.9, 0.1]), ["joy"])
        >>> Predictions(["joy", "fear"], [row], failures=[]).rows[0].end_s
        2.5
    """

    emotions: list[str]
    rows: list[PredictionRow]
    failures: list[Failure]


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
        >>> import soundfile
        >>> from emoclr.finetune import EmotionModel
        >>> from emoclr.pretrain import Encoder, EncoderSettings
        >>> path = Path(tempfile.mkdtemp()) / "silence.wav"
        >>> soundfile.write(path, np.zeros(24_000), 16_000)
        >>> model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), n_emotions=2)
        >>> ensemble = Ensemble([model], np.ones((1, 2)), np.full((1, 2), 0.5), "mean")
        >>> card = EnsembleCard(members=["."], emotions=["joy", "fear"], thresholds=[0.5, 0.5], window_s=1.0, hop_s=0.5)
        >>> [(row.start_s, row.end_s) for row in predict(ensemble, card, [path], timeline=True).rows]
        [(0.0, 1.0), (0.5, 1.5)]
    """
    paths = find_audio(sources)
    # Recordings that are read once need no place in the cache of corpora.
    with tempfile.TemporaryDirectory(prefix="emoclr-") as cache:
        try:
            store = open_waveforms([Clip(path) for path in paths], Path(cache))
        except NoReadableClips as error:
            return Predictions(card.emotions, [], _as_given(error.failures, paths))
        stretches = predict_waveforms(ensemble, card, store, timeline=timeline, device=device)
        read = [paths[row] for row in store.source_rows]
        rows = [
            PredictionRow(read[position], float(start), float(end), probabilities, named(probabilities, card))
            for position, start, end, probabilities in zip(*stretches, strict=True)
        ]
        return Predictions(card.emotions, rows, _as_given(store.failures, paths))


def _as_given(failures: Sequence[Failure], paths: Sequence[Path]) -> list[Failure]:
    """Returns failures, which name absolute paths, under the paths that were given, as in rows."""
    given = {path.absolute(): path for path in paths}
    return [replace(failure, path=given[failure.path]) for failure in failures]


class Stretches(NamedTuple):
    """Recordings, or windows of them: one entry each.

    Attributes:
        positions: int64 (rows,) of the recording among those asked for.
        starts_s: (rows,) s.
        ends_s: (rows,) s.
        probabilities: (rows, emotions) in [0, 1].
    """

    positions: Positions
    starts_s: Array
    ends_s: Array
    probabilities: Array


def predict_waveforms(
    ensemble: Ensemble, card: EnsembleCard, store: Waveforms, *, timeline: bool = False, device: str = "cpu"
) -> Stretches:
    """Returns the probabilities of waveforms, one row a recording or, with `timeline`, one a window.

    Args:
        ensemble: from `load_ensemble`.
        card: its card; says windows and how they are pooled.
        store: the recordings.
        timeline: one row a window in place of one a recording.
        device: "cpu" or "cuda".
    """
    windows = list(
        each_window(
            ensemble,
            store,
            card.window_s,
            card.hop_s,
            np.arange(len(store)),
            description="predicting",
            device=device,
            precision="fp32",  # the members choose for themselves
            short=card.short,
        )
    )
    positions = np.concatenate([some.positions for some in windows])
    starts_s = np.concatenate([some.starts for some in windows]) / SAMPLE_RATE
    logits = np.concatenate([some.outputs for some in windows]).astype(np.float64)
    durations_s = store.samples / SAMPLE_RATE
    ends_s = np.minimum(starts_s + card.window_s, durations_s[positions])
    if not timeline:
        logits = pool_windows(logits, positions, card.windows)
        positions, starts_s, ends_s = np.arange(len(store)), np.zeros(len(store)), durations_s
    return Stretches(positions, starts_s, ends_s, ensemble.probabilities(logits))


def named(probabilities: Array, card: EnsembleCard) -> list[str]:
    """Returns the emotions that probabilities (emotions,) name: those at or over their threshold.

    Where every training clip carried exactly one emotion, the likeliest one.
    """
    if card.single_label:
        return [card.emotions[int(probabilities.argmax())]]
    return [name for name, p, least in zip(card.emotions, probabilities, card.thresholds, strict=True) if p >= least]
