"""Clips with their emotions, speakers, splits and groups, as columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emoclr.corpus.labels.emotion_names import check_emotion_names
from emoclr.corpus.labels.tables.cells import SPLITS as SPLITS
from emoclr.corpus.labels.tables.text_table import LabelsError

SENTENCES = "sentence"
"""The column that says which words were spoken, where a corpus has one."""


@dataclass(frozen=True)
class Reading:
    """How a file was understood.

    Attributes:
        columns: of each meaning (`path`, `speaker`, `split`, `fold`, `validation_fold`, `start`, `end`) the
            column's name in the file.
        remarks: what was assumed, a sentence each.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The clips of a table; entry i of every field belongs to clip i.

    Attributes:
        source: the file.
        paths: absolute paths of the recordings; whether they exist shows at decoding.
        emotions: names, in the order of the columns (or as asked for).
        targets: float32 `(clips, emotions)` in [0, 1], the share of listeners where several were asked.
        speakers: who speaks, None where there is no such column.
        splits: train, validation or test, None where there is no such column.
        start_s: float64 `(clips,)`, where the clip begins in its recording, in seconds.
        end_s: float64 `(clips,)`, where it ends; NaN is the end of the recording.
        groups: every other column, to break reports down by; an empty cell reads "unknown".
        listeners: int64 `(clips,)`, how many voted, None where there is no such column.
        folds: the fold in which each clip is scored, None where there is no such column.
        validation_folds: the fold in which each clip validates, None where there is no such column.
        reading: how the file was understood.

    Examples:
        >>> import tempfile
        >>> from emoclr.corpus import read_labels
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> table = read_labels(path)
        >>> table.emotions, table.speakers, table.groups
        (['joy', 'fear'], ['anna', 'ben', 'cem'], {'sex': ['f', 'm', 'm']})
        >>> table.select([0, 2]).targets.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    source: Path
    paths: list[Path]
    emotions: list[str]
    targets: NDArray[np.float32]
    speakers: list[str] | None
    splits: list[str] | None
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    groups: dict[str, list[str]]
    listeners: NDArray[np.int64] | None = None
    folds: list[str] | None = None
    validation_folds: list[str] | None = None
    reading: Reading = Reading()

    def __post_init__(self) -> None:
        try:
            check_emotion_names(self.emotions)
        except ValueError as error:
            raise LabelsError(self.source, str(error)) from error

    def __len__(self) -> int:
        return len(self.paths)

    def select(self, rows: ArrayLike) -> "LabelTable":
        """Returns the table of some rows, given as positions or as a mask `(clips,)` of booleans."""
        chosen = np.arange(len(self))[np.asarray(rows, dtype=None if np.size(rows) else np.int64)]
        changes: dict[str, object] = {}
        for column in fields(self):
            value = getattr(self, column.name)
            if isinstance(value, np.ndarray):
                changes[column.name] = value[chosen]
            elif isinstance(value, list) and column.name != "emotions":
                changes[column.name] = [value[row] for row in chosen]
            elif isinstance(value, dict):
                changes[column.name] = {name: [cells[row] for row in chosen] for name, cells in value.items()}
        return replace(self, **changes)  # type: ignore[arg-type]

    def rows_of(self, split: str) -> NDArray[np.int64]:
        """Returns the positions of one split's rows.

        Raises:
            LabelsError: there is no split column.
        """
        if self.splits is None:
            raise LabelsError(self.source, f"has no column 'split', so it has no {split} rows")
        return np.flatnonzero(np.array([name == split for name in self.splits], dtype=bool))

    @property
    def single_label(self) -> bool:
        """Whether every clip carries exactly one emotion, with certainty."""
        one_hot = np.isin(self.targets, (0.0, 1.0)).all() and (self.targets.sum(axis=1) == 1.0).all()
        return bool(self.emotions) and bool(one_hot)
