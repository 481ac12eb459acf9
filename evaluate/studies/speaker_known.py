"""Speaker known: what it is worth to hear a clip against others of the same voice. No label is read.

Who has many recordings of a voice knows how it usually sounds. Features standardised within the speaker say how a clip
differs from that, whatever the voice.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from emoclr.evaluate.linear_probe import Rows
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.metrics.registry import METRICS, headline_columns
from emoclr.evaluate.paired import paired_differences
from emoclr.evaluate.report.formatting import in_words, json_metrics
from emoclr.evaluate.report.section import Cell, Section, Table
from emoclr.evaluate.scores import Prediction, Truth, metrics_of

NAME = "speaker_known"
KNOWN = "speaker known"
PRIOR_CLIPS = 5.0
"""How many clips of a speaker weigh as much as what is known of all speakers; measured, see docs/ablations.md."""


def standardise_within_speakers(
    features: npt.ArrayLike, speakers: Sequence[str], fitted: Rows, prior_clips: float = PRIOR_CLIPS
) -> Array:
    """Returns features (n, features) by the mean and the deviation of each speaker's own clips; labels take no part.

    Of few clips both are uncertain, so they are drawn towards those of the clips that are fitted to: the mean over
    these, and the deviation within their speakers, count as `prior_clips` clips more. Equal to the posterior mean of a
    speaker's mean under a normal prior whose variance is that within speakers over `prior_clips`.

    Args:
        features: (n, features) of clips.
        speakers: (n,) who speaks.
        fitted: rows of the clips that are fitted to.
        prior_clips: how many clips the prior counts as.

    Examples:
        >>> shifted = standardise_within_speakers([[1.0], [3.0], [7.0], [9.0]], ["a", "a", "b", "b"], np.arange(2), 0.0)
        >>> shifted.ravel().tolist()
        [-1.0, 1.0, -1.0, 1.0]
    """
    matrix = np.asarray(features, dtype=np.float64)
    _, codes, counts = np.unique(np.asarray(speakers), return_inverse=True, return_counts=True)
    means = _sums(matrix, codes) / counts[:, None]  # (speakers, features)
    squares = (matrix - means[codes]) ** 2
    of_all, within = matrix[fitted].mean(axis=0), squares[fitted].mean(axis=0)
    weights = counts[:, None] + prior_clips
    centre = (counts[:, None] * means + prior_clips * of_all) / weights
    deviation = np.sqrt((_sums(squares, codes) + prior_clips * within) / weights)
    # A constant feature stays at 0 within its speaker, but for rounding.
    deviation[deviation <= 1e-10 * np.maximum(np.abs(of_all), 1e-30)] = np.inf
    found: Array = (matrix - centre[codes]) / deviation[codes]
    return found


def speaker_known_section(truth: Truth, pairs: Sequence[tuple[Prediction, Prediction]], how: str) -> Section:
    """Returns models as they are and with the speaker known, and the paired difference of each.

    Args:
        truth: the scored clips.
        pairs: predictions of each model, plain and with the speaker known; the headline model first.
        how: what was standardised, in sentences.
    """
    columns = headline_columns(truth.single_label)
    plain, known = ([metrics_of(truth, pair[side]) for pair in pairs] for side in (0, 1))
    differences = [paired_differences(truth, with_speaker, without) for without, with_speaker in pairs]
    names = [first.name for first, _ in pairs]
    metric = truth.headline[0]
    counts = np.unique(truth.speakers, return_counts=True)[1]
    rows: list[list[Cell]] = [
        [label, *(metrics[name] for name in columns)]
        for place, own in enumerate(names)
        for label, metrics in ((own, plain[place]), (f"{own}, {KNOWN}", known[place]))
    ]
    return Section(
        name=NAME,
        title="Speaker known",
        text=f"{names[0]}, {KNOWN}: {in_words(differences[0][metric], len(counts), metric)}. {how} No label is read. A "
        f"scored speaker has {np.median(counts):.0f} clips in the middle. Whose clips are all of one mood is taken for "
        "someone who always sounds so: the mood is lost. Both sides of a difference are measured on the same resamples "
        "of speakers.",
        tables=[
            Table(["", *(METRICS[name].label for name in columns)], rows),
            Table(
                ["speaker known − plain", *(METRICS[name].label for name in columns)],
                [[own, *(found[name] for name in columns)] for own, found in zip(names, differences, strict=True)],
                "Differences",
            ),
        ],
        data={
            "clips_per_speaker": float(np.median(counts)),
            "models": {
                own: {"plain": json_metrics(a), "known": json_metrics(b), "difference": json_metrics(c)}
                for own, a, b, c in zip(names, plain, known, differences, strict=True)
            },
        },
    )


def _sums(matrix: Array, codes: Rows) -> Array:
    """Returns the sum of the rows of each code, (codes, columns)."""
    order = np.argsort(codes, kind="stable")
    found: Array = np.add.reduceat(matrix[order], np.searchsorted(codes[order], np.arange(codes.max() + 1)))
    return found
