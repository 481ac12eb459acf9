"""The headline model's predictions for every scored clip, as a CSV beside the report: paired comparisons read it."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import cell_text, csv_line, text_cell
from emoclr.evaluate.metrics.arrays import Array
from emoclr.evaluate.report.sentence import CAUTIONS
from emoclr.evaluate.scores import Prediction, Truth

ANSWERS = "answers.csv"
CLIP_COLUMNS = ("path", "start_s", "end_s", "speaker")
LABEL, PROBABILITY, THRESHOLD = "label_", "probability_", "threshold_"

ClipName = tuple[str, str, str]
"""Path, start and end of a clip, as they are written."""


class ScoredClips(NamedTuple):
    """Names of the scored clips, (n,), and their speakers; `speakers` is None where those are not known."""

    names: Sequence[ClipName]
    speakers: Sequence[str] | None


@dataclass(frozen=True)
class StoredPredictions:
    """Predictions as an `answers.csv` stores them, `n` rows.

    Attributes:
        clips: names, one a row.
        speakers: (n,) speakers, or recordings where speakers are not known.
        emotions: names, `e` of them.
        targets: (n, e) shares.
        probabilities: (n, e).
        thresholds: (n, e).
    """

    clips: list[ClipName]
    speakers: list[str]
    emotions: list[str]
    targets: Array
    probabilities: Array
    thresholds: Array


def predictions_csv(clips: ScoredClips, truth: Truth, headline: Prediction, cautions: Sequence[str] = ()) -> str:
    """Returns the content of `answers.csv`: a row a clip, with labels, probabilities and thresholds of each emotion.

    Where something forbids conclusions, a last column tells it in every row, so that rows that are passed on say it.

    Args:
        clips: the scored clips, rows as in `truth`.
        truth: their labels.
        headline: the headline model's predictions.
        cautions: what forbids conclusions from all of them.
    """
    kinds = (LABEL, PROBABILITY, THRESHOLD)
    told = [text_cell(" ".join(cautions))] if cautions else []
    numbered = (f"{kind}{emotion}" for kind in kinds for emotion in truth.emotions)
    lines = [csv_line([*CLIP_COLUMNS, *numbered, *([CAUTIONS] if told else [])])]
    thresholds = np.broadcast_to(headline.thresholds, truth.targets.shape)
    numbers = np.concatenate([truth.targets, headline.probabilities, thresholds], axis=1)
    speakers = clips.speakers or truth.speakers
    for row, speaker in enumerate(speakers):
        values = [f"{value:.6g}" for value in numbers[row]]
        lines.append(csv_line([*clips.names[row], text_cell(speaker), *values, *told]))
    return "".join(lines)


def read_predictions(path: Path) -> StoredPredictions | None:
    """Returns an `answers.csv`; None where there is no such file, as beside reports of earlier versions.

    Raises:
        EmoclrError: it cannot be read, or is something else.
    """
    try:
        lines = list(csv.reader(io.StringIO(path.read_bytes().decode(errors="surrogateescape"), newline="")))
    except FileNotFoundError:
        return None
    except (OSError, csv.Error) as error:
        raise EmoclrError(f"{path}: cannot be read: {error}") from error
    head = lines[0] if lines else []
    emotions = [name.removeprefix(LABEL) for name in head if name.startswith(LABEL)]
    expected = [
        *CLIP_COLUMNS,
        *(f"{kind}{emotion}" for kind in (LABEL, PROBABILITY, THRESHOLD) for emotion in emotions),
    ]
    if head not in (expected, [*expected, CAUTIONS]) or len(lines) < 2 or not emotions:
        raise EmoclrError(
            f"{path}: is no answers.csv of a report: expected the columns {', '.join(CLIP_COLUMNS)} first"
        )
    rows = lines[1:]
    try:
        if any(len(row) != len(head) for row in rows):
            raise ValueError(f"{len(head)} cells are expected in each")
        numbers = np.array([row[len(CLIP_COLUMNS) : len(expected)] for row in rows], dtype=np.float64)
        targets, probabilities, thresholds = np.split(numbers, 3, axis=1)
    except ValueError as error:
        raise EmoclrError(f"{path}: a row holds other than numbers, or too few: {error}") from error
    return StoredPredictions(
        clips=[(line[0], line[1], line[2]) for line in rows],
        speakers=[cell_text(line[3]) for line in rows],
        emotions=emotions,
        targets=targets,
        probabilities=probabilities,
        thresholds=thresholds,
    )
