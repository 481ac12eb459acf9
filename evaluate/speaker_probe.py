"""The speaker-identity probe: how well the same embeddings tell voices apart.

A contrast between clips is solved most easily by knowing the voice. Emotion is wanted, so both are measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.linear_probe import RIDGE_STRENGTHS, Rows, Standardiser, ridge_path
from emoclr.evaluate.metrics.arrays import Array, Mask
from emoclr.evaluate.metrics.intervals import Measure, measure

INNER_FOLDS = 3


@dataclass(frozen=True)
class VoiceTask:
    """Clips to learn voices from and other clips of the same voices to test on.

    Attributes:
        fit_rows: positions among the clips.
        test_rows: positions among the clips.
        voices: (clips,) number of each clip's speaker.
        names: the speakers who are on both sides.
        protocol: how they were divided, in a sentence.
    """

    fit_rows: Rows
    test_rows: Rows
    voices: Rows
    names: list[str]
    protocol: str


@dataclass(frozen=True)
class SpeakerProbe:
    """How well voices can be told apart from the same embeddings.

    Attributes:
        rows: name of the features and accuracy.
        speakers: how many voices there are to choose from.
        protocol: how it was measured, in a sentence.
    """

    rows: list[tuple[str, Measure]]
    speakers: int
    protocol: str


def voice_task(
    speakers: Sequence[str] | None, recordings: Sequence[str], sentences: Sequence[str] | None, seed: int
) -> VoiceTask | None:
    """Returns how clips are divided, None where fewer than two speakers can be on both sides.

    Half of the sentences are learned from and the other half tested on, so that words do not help; where these are not
    known, or all the same, half of each speaker's recordings. Parts of one recording stay on one side.

    Args:
        speakers: (clips,) who speaks; None where that is not known.
        recordings: (clips,) which recording each is a part of.
        sentences: (clips,) which words were spoken; None where that is not known.
        seed: of the halves.
    """
    if speakers is None:
        return None
    generator = np.random.default_rng(seed)
    names, voices = np.unique(np.array(speakers), return_inverse=True)
    by_sentence = sentences is not None and len(set(sentences)) > 1
    if sentences is not None and by_sentence:
        first_half = _half(np.array(sentences), generator)
    else:
        names_of = np.array(recordings)
        first_half = np.zeros(len(speakers), dtype=np.bool_)
        for voice in range(len(names)):
            rows = np.flatnonzero(voices == voice)
            first_half[rows] = _half(names_of[rows], generator)
    both = np.intersect1d(voices[first_half], voices[~first_half])
    if len(both) < 2:
        return None
    known = np.isin(voices, both)
    fit_rows, test_rows = np.flatnonzero(known & first_half), np.flatnonzero(known & ~first_half)
    halves = "half of the sentences, tested on the other half" if by_sentence else "half of each speaker's recordings"
    protocol = (
        f"The same embeddings, asked who speaks: a linear model learns {len(both)} voices from {halves} "
        f"({len(fit_rows):,} and {len(test_rows):,} clips). Chance is {1 / len(both):.3f}."
    )
    return VoiceTask(fit_rows, test_rows, voices, [str(names[voice]) for voice in both], protocol)


def voice_hits(features: npt.ArrayLike, task: VoiceTask, seed: int) -> Array:
    """Returns for each test clip 1 where its speaker is named and 0 elsewhere, (test clips,).

    A ridge regression of each voice against the rest; its strength is chosen inside the clips learned from.
    """
    matrix = np.asarray(features, dtype=np.float64)
    learned, voices = np.unique(task.voices[task.fit_rows], return_inverse=True)
    fitted = matrix[task.fit_rows]
    inner = np.random.default_rng(seed).permutation(len(voices)) % INNER_FOLDS
    right = np.zeros(len(RIDGE_STRENGTHS))
    for fold in range(INNER_FOLDS):
        outside = inner == fold
        guesses = _named(fitted[~outside], voices[~outside], fitted[outside], len(learned), RIDGE_STRENGTHS)
        right += [np.sum(of_strength == voices[outside]) for of_strength in guesses]
    strength = RIDGE_STRENGTHS[int(right.argmax())]
    (named,) = _named(fitted, voices, matrix[task.test_rows], len(learned), [strength])
    hits: Array = (learned[named] == task.voices[task.test_rows]).astype(np.float64)
    return hits


def speaker_probe(hits: Mapping[str, Array], task: VoiceTask, remark: str, n_resamples: int, seed: int) -> SpeakerProbe:
    """Returns the share of test clips whose speaker is named, with intervals over speakers, for the rows of a report.

    Args:
        hits: for each row's name its `voice_hits`, or their mean over folds.
        task: what they answer.
        remark: what there is to say beside the protocol.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    voices = [str(voice) for voice in task.voices[task.test_rows]]

    def accuracy(weights: Array) -> dict[str, Array]:
        return {name: weights @ found / weights.sum(1) for name, found in hits.items()}

    rows = list(measure(accuracy, voices, n_resamples, seed).items())
    return SpeakerProbe(rows, len(task.names), f"{task.protocol} {remark}")


def _named(fitted: Array, voices: Rows, tested: Array, n_voices: int, strengths: Sequence[float]) -> list[Rows]:
    """Returns which voice a ridge regression of each strength names for each of the clips tested, (clips,)."""
    scaler = Standardiser.of(fitted)
    matrix = scaler(tested)
    paths = ridge_path(scaler(fitted), np.eye(n_voices)[voices], strengths)
    return [(matrix @ coefficients + intercept).argmax(1) for coefficients, intercept in paths]


def _half(names: npt.NDArray[np.str_], generator: np.random.Generator) -> Mask:
    """Returns which clips have one of half of the names, drawn: in alphabetical order, sessions would lie apart."""
    different = np.unique(names)
    chosen = generator.permutation(different)[: (len(different) + 1) // 2]
    half: Mask = np.isin(names, chosen)
    return half
