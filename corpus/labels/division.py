"""Cross-validation folds by speaker, or the labels' own split, and the emotions that can be learned in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import count_of
from emoclr.corpus.labels.label_table import SENTENCES, SPLITS, LabelTable
from emoclr.corpus.labels.leaks import check_duplicates
from emoclr.corpus.labels.splits import given_folds, n_units, speaker_folds, split_rows, unit_of
from emoclr.corpus.labels.tables.text_table import LabelsError
from emoclr.evaluate.linear_probe import Fold, Rows, untrainable_emotions
from emoclr.evaluate.speaker_probe import VoiceTask, voice_task

DEFAULT_FOLDS = 5
INNER_FOLDS = 3


@dataclass(frozen=True)
class Division:
    """The folds of a table, speakers apart.

    Attributes:
        folds: (rows to fit, rows to score); one where the labels bring their split.
        inner: for each fold, the folds of its rows to fit (positions among them) that choose regularisation and
            thresholds.
        given: whether it is the labels' own split.
        validation: for each fold the rows that the labels keep for its validation, none of them fitted to; empty where
            they keep none.
        names: of the folds, where the labels name them.
    """

    folds: list[Fold]
    inner: list[list[Fold]]
    given: bool
    validation: Sequence[Rows] = ()
    names: Sequence[str] = ()

    @property
    def scored(self) -> Rows:
        """Positions of all scored clips, in the order in which folds score them."""
        return np.concatenate([test for _, test in self.folds])

    @property
    def fitted(self) -> Rows:
        """Positions of all clips that some fold fits to."""
        return np.unique(np.concatenate([train for train, _ in self.folds]))


def learnable(
    table: LabelTable,
    rows: Rows,
    n_folds: int | None,
    positive_share: float,
    seed: int,
    *,
    validated: bool = False,
) -> tuple[LabelTable, Rows, Division, dict[str, str]]:
    """Returns the table of the emotions that a head can be trained for, its rows, and how they are divided.

    Args:
        table: labels of the clips that could be decoded.
        rows: (clips,) their positions among the embeddings.
        n_folds: None for the labels' own split where they have one, or their own folds, else for five folds.
        positive_share: the share from which an emotion is there.
        seed: of the folds.
        validated: whether validation speakers are taken out of the clips to fit, as `train_validation_test` does.

    Returns:
        The table without the emotions that some fold cannot learn (and, where each clip has one label, without
        their clips), the rows that are left of `rows`, their division, and for each emotion left out the reason.

    Raises:
        EmoclrError: no clips to fit to, none to score, or no emotion can be learned.
    """
    left_out: dict[str, str] = {}
    while True:
        division = divide(table, n_folds, seed)
        reasons: dict[int, str] = {}
        for fold, (train, _) in enumerate(division.folds):
            fitted = train_validation_test(table, division, fold)[0] if validated else train
            reasons = untrainable_emotions(table.targets[fitted], positive_share) | reasons
        if not reasons:
            return table, rows, division, left_out
        left_out |= {table.emotions[emotion]: reason for emotion, reason in reasons.items()}
        if len(reasons) == len(table.emotions):
            listed = "; ".join(f"{emotion}: {reason}" for emotion, reason in left_out.items())
            raise EmoclrError(f"{table.source}: no emotion can be learned from its training clips ({listed})")
        single = table.single_label
        table = without_emotions(table, sorted(reasons))
        if single:
            known = np.flatnonzero(table.targets.sum(1) > 0)
            table, rows = table.select(known), rows[known]


def divide(table: LabelTable, n_folds: int | None, seed: int) -> Division:
    """Returns a table's division; see `learnable`."""
    given = n_folds is None and table.splits is not None
    validation: list[Rows] = []
    names: list[str] = []
    if given:
        train, kept, test = split_rows(table)
        validation = [kept]
        for name, found in (("train", train), ("test", test)):
            if not len(found):
                raise EmoclrError(
                    f"{table.source}: its split column leaves no readable {name} clips; "
                    f"folds={_n_folds(table, DEFAULT_FOLDS)} divides all clips by {unit_of(table)} instead"
                    f"{', and --test CSV scores those of another table' if name == 'test' else ''}"
                )
        folds = [(train, test)]
    elif n_folds is None and table.folds is not None:
        named = given_folds(table)
        names = list(named)
        folds = [(train, test) for train, _, test in named.values()]
        validation = [kept for _, kept, _ in named.values()]
    else:
        folds = speaker_folds(table, n_folds or _n_folds(table, DEFAULT_FOLDS), seed)
    return Division(folds, [inner_folds(table, train, seed) for train, _ in folds], given, validation, names)


def inner_folds(table: LabelTable, rows: Rows, seed: int) -> list[Fold]:
    """Returns folds of some clips, as positions among `rows`, that choose what is chosen inside the clips fitted to.

    Where these are of one speaker, they are folds of recordings.

    Raises:
        LabelsError: all of the clips are parts of one recording.
    """
    fitted = table.select(rows)
    if n_units(fitted) < 2:
        raise LabelsError(
            table.source,
            f"its {count_of(len(rows), 'clip')} to fit to are all of one {unit_of(fitted)}, {fitted.paths[0].name}; "
            "regularisation and thresholds are chosen on recordings that are not fitted to, which takes two",
        )
    return speaker_folds(fitted, _n_folds(fitted, INNER_FOLDS), seed)


def _n_folds(table: LabelTable, wanted: int) -> int:
    return max(2, min(wanted, n_units(table)))


def train_validation_test(table: LabelTable, division: Division, fold: int) -> tuple[Rows, Rows, Rows]:
    """Returns train, validation and test rows of a fold, speakers apart.

    Validation is the labels' own where they keep some; otherwise speakers taken out of train, or recordings where train
    is of one speaker.
    """
    train, test = division.folds[fold]
    if division.validation and len(division.validation[fold]):
        return train, division.validation[fold], test
    fit, held = division.inner[fold][0]
    return train[fit], train[held], test


def check_leaks(
    table: LabelTable,
    division: Division,
    digests: npt.NDArray[np.bytes_],
    silent: npt.NDArray[np.bool_],
    *,
    validated: bool = False,
) -> None:
    """Raises an error where the same sound is fitted to and scored, under whatever names; silence is alike and no leak.

    Args:
        table: labels of the clips.
        division: of its rows.
        digests: (clips,) of the content of their recordings, as `WaveformStore.digests`.
        silent: (clips,) whether they hold no sound, as `WaveformStore.silent`.
        validated: whether validation clips are taken out of those to fit, as `train_validation_test` does.

    Raises:
        LabelsError: names two clips, or there is no sound in any of them.
    """
    if silent.all():
        raise LabelsError(table.source, f"none of {count_of(len(table), 'clip')} holds sound")
    for fold, (train, test) in enumerate(division.folds):
        parts = {"train": train, "test": test}
        if validated:
            parts = dict(zip(SPLITS, train_validation_test(table, division, fold), strict=True))
        check_duplicates(table, digests, {name: rows[~silent[rows]] for name, rows in parts.items()})


def without_emotions(table: LabelTable, columns: list[int]) -> LabelTable:
    """Returns a table without some of its emotions."""
    kept = [column for column in range(len(table.emotions)) if column not in columns]
    return replace(table, emotions=[table.emotions[column] for column in kept], targets=table.targets[:, kept])


def speaker_task(table: LabelTable, seed: int) -> VoiceTask | None:
    """Returns what the speaker probe asks of a table's clips; see `voice_task`."""
    return voice_task(table.speakers, [str(path) for path in table.paths], table.groups.get(SENTENCES), seed)
