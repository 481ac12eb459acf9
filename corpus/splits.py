"""Folds and splits that no speaker crosses."""

import warnings

import numpy as np
from numpy.typing import NDArray

from corpus.labels import LabelsError, LabelTable

Rows = NDArray[np.int64]


def speaker_folds(table: LabelTable, n_folds: int, seed: int = 0) -> list[tuple[Rows, Rows]]:
    """Returns (train rows, test rows) of each fold; every row is tested once, each speaker in one fold only.

    Balanced over each clip's strongest emotion as far as whole speakers allow (scikit-learn's
    `StratifiedGroupKFold`). Where speakers are not known, the parts of one recording stay together.

    Raises:
        LabelsError: there are fewer speakers (or recordings) than folds.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    groups = speaker_codes(table)
    known = int(groups.max()) + 1 if len(table) else 0
    if n_folds < 2 or known < n_folds:
        what = "recordings" if table.speakers is None else "speakers"
        raise LabelsError(table.source, f"has {known} {what}, which do not make {n_folds} folds (2 or more)")
    strongest = table.targets.argmax(axis=1) if table.emotions else np.zeros(len(table), dtype=np.int64)
    if np.bincount(strongest).max() < n_folds:
        strongest = np.zeros(len(table), dtype=np.int64)
    with warnings.catch_warnings():
        # It warns of emotions with fewer clips than folds, which small corpora have and can do nothing about.
        warnings.simplefilter("ignore", UserWarning)
        stratified = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        folds = list(stratified.split(groups, strongest, groups))
    if any(not len(test) for _, test in folds):
        # Its greedy choice may leave a fold without speakers; by size alone each gets one.
        folds = list(GroupKFold(n_folds, shuffle=True, random_state=seed).split(groups, strongest, groups))
    return [(np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64)) for train, test in folds]


def split_rows(table: LabelTable, seed: int = 0) -> tuple[Rows, Rows, Rows]:
    """Returns the rows of train, validation and test.

    From the split column, where any of the three may be empty; without one, about 60, 20 and 20 % of the
    clips, by speaker, drawn from `seed`.

    Raises:
        LabelsError: there is no split column, and fewer than three speakers.
    """
    if table.splits is not None:
        return table.rows_of("train"), table.rows_of("validation"), table.rows_of("test")
    known = len(set(speaker_codes(table).tolist()))
    folds = [test for _, test in speaker_folds(table, max(3, min(5, known)), seed)]
    return np.sort(np.concatenate(folds[2:])), folds[1], folds[0]


def speaker_codes(table: LabelTable) -> Rows:
    """Returns each row's speaker as a number, int64 `(clips,)`; its recording where there are no speakers."""
    names = table.speakers if table.speakers is not None else [str(path) for path in table.paths]
    return np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.int64).reshape(-1)
