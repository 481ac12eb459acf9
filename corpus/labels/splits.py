"""Folds and splits that no speaker crosses."""

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import count_of
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.tables.text_table import LabelsError

Rows = NDArray[np.int64]

_SIZE_WEIGHT = 4.0
"""How much a fold's size weighs beside its emotions; lower, a fold with all of some emotion grows far too large."""

_PARTNERS_TRIED = 256
_MIN_GAIN = 1e-9


def speaker_folds(table: LabelTable, n_folds: int, seed: int = 0) -> list[tuple[Rows, Rows]]:
    """Returns (train rows, test rows) of each fold; every row is tested once, each speaker in one fold only.

    Balanced over all emotions at once and over the number of clips, as far as whole speakers allow: they are
    dealt to the folds, then moved and exchanged while that lessens `_imbalance`. Where speakers are not known, or
    there is only one, the parts of one recording stay together.

    Nothing maintained does this: scikit-learn's `StratifiedGroupKFold` takes one class a clip, and the multilabel
    stratifiers (`iterative-stratification`, `scikit-multilearn`) know no groups.

    Raises:
        LabelsError: there are fewer speakers (or recordings) than folds.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> from emoclr.corpus import read_labels
        >>> sorted(test.tolist() for train, test in speaker_folds(read_labels(path), 3))
        [[0], [1], [2]]
    """
    groups = speaker_codes(table)
    known = int(groups.max()) + 1 if len(table) else 0
    if n_folds < 2 or known < n_folds:
        has = count_of(known, unit_of(table))
        alone = " of one speaker" if table.speakers is not None and keeps_recordings_apart(table) else ""
        advice = f"; folds={known} would do" if known > 1 else ""
        raise LabelsError(table.source, f"has {has}{alone}, too few for {n_folds} folds{advice}")
    contents = _contents(table, groups, known)
    rng = np.random.default_rng(seed)
    fold_of = _deal(contents, n_folds, rng)
    _improve(fold_of, contents, n_folds, rng)
    fold_of = fold_of[groups]  # (clips,)
    return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(n_folds)]


def given_folds(table: LabelTable) -> dict[str, tuple[Rows, Rows, Rows]]:
    """Returns train, validation and test rows of the folds that a table names, by their names.

    Clips that validate in a fold are not trained on there; without a column that says so, none validates.

    Raises:
        LabelsError: it names no folds or only one, a speaker (or recording) is in several, or clips validate in a fold
            that scores them or that there is not.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,speaker,fold,validation_fold", "a.wav,1,anna,1,3", "b.wav,0,ben,2,1", "c.wav,1,cem,3,2"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> from emoclr.corpus import read_labels
        >>> {name: [part.tolist() for part in parts] for name, parts in given_folds(read_labels(path)).items()}
        {'1': [[2], [1], [0]], '2': [[0], [2], [1]], '3': [[1], [0], [2]]}
    """
    names, fold_of = np.unique(np.array(table.folds or [], dtype=np.str_), return_inverse=True)
    column = table.reading.columns.get("fold", "fold")
    otherwise = "folds=5 divides all clips instead"
    if len(names) < 2:
        raise LabelsError(
            table.source, f"names {count_of(len(names), 'fold')}, which takes two; {otherwise}", None, column
        )
    _refuse_crossing(table, names[fold_of], column, otherwise)
    validates = np.full(len(table), -1)
    if table.validation_folds is not None:
        column = table.reading.columns.get("validation_fold", "validation_fold")
        wanted = np.array(table.validation_folds, dtype=np.str_)
        _refuse_crossing(table, wanted, column, otherwise)
        validates = np.searchsorted(names, wanted)
        known = np.isin(wanted, names)
        wrong = np.flatnonzero(~known | (validates == fold_of))
        if len(wrong):
            row = int(wrong[0])
            why = "which scores it" if known[row] else f"which is none of {', '.join(names)}"
            problem = f"{table.paths[row].name} validates in fold {wanted[row]}, {why}"
            raise LabelsError(table.source, f"{problem}; {otherwise}", None, column)
    return {
        str(name): (
            np.flatnonzero((fold_of != fold) & (validates != fold)),
            np.flatnonzero(validates == fold),
            np.flatnonzero(fold_of == fold),
        )
        for fold, name in enumerate(names)
    }


def _refuse_crossing(table: LabelTable, fold_of: NDArray[np.str_], column: str, otherwise: str) -> None:
    """Raises an error where a speaker (or recording) is in two of the folds `(clips,)`."""
    codes = speaker_codes(table)
    first = np.zeros(len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the first row of each speaker
    crossing = np.flatnonzero(fold_of != fold_of[first[codes]])
    if len(crossing):
        row = int(crossing[0])
        who = table.paths[row].name if table.speakers is None or unit_of(table) == "recording" else table.speakers[row]
        here, there = fold_of[row], fold_of[first[codes[row]]]
        raise LabelsError(
            table.source,
            f"{unit_of(table)} '{who}' is in fold {here} and in fold {there}: a leak; {otherwise}",
            None,
            column,
        )


def split_rows(table: LabelTable, seed: int = 0) -> tuple[Rows, Rows, Rows]:
    """Returns the rows of train, validation and test.

    From the split column, where any of the three may be empty; without one, about 60, 20 and 20 % of the
    clips, by speaker, drawn from `seed`. Of two speakers one is for training and the other for test, and there are no
    validation rows; of one speaker recordings are dealt.

    Raises:
        LabelsError: there is no split column, and there are fewer than three recordings of a single speaker.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> rows = ["path,joy,fear,speaker,sex", "a.wav,1,0,anna,f", "b.wav,0.2,0.8,ben,m", "c.wav,0,1,cem,m"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> from emoclr.corpus import read_labels
        >>> train, validation, test = split_rows(read_labels(path))
        >>> sorted([*train.tolist(), *validation.tolist(), *test.tolist()])
        [0, 1, 2]
    """
    if table.splits is not None:
        return table.rows_of("train"), table.rows_of("validation"), table.rows_of("test")
    known = n_units(table)
    if known == 2 and not keeps_recordings_apart(table):
        (train, test), _ = speaker_folds(table, 2, seed)
        return train, np.arange(0), test
    folds = [test for _, test in speaker_folds(table, max(3, min(5, known)), seed)]
    return np.sort(np.concatenate(folds[2:])), folds[1], folds[0]


def keeps_recordings_apart(table: LabelTable) -> bool:
    """Returns whether recordings are kept apart instead of speakers: these are not known, or there is only one."""
    return table.speakers is None or len(set(table.speakers)) < 2


def unit_of(table: LabelTable) -> str:
    """Returns what is kept apart and resampled, in the singular: "speaker" or "recording"."""
    return "recording" if keeps_recordings_apart(table) else "speaker"


def n_units(table: LabelTable) -> int:
    """Returns how many speakers there are, or recordings where these are kept apart instead."""
    return len(np.unique(speaker_codes(table)))


def speaker_codes(table: LabelTable) -> Rows:
    """Returns each row's speaker as a number, int64 `(clips,)`; its recording where these are kept apart instead.

    Of rows of one speaker, selected from a table of several, these are recordings.
    """
    names = [str(path) for path in table.paths] if keeps_recordings_apart(table) else table.speakers
    return np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.int64).reshape(-1)


def _contents(table: LabelTable, groups: Rows, known: int) -> NDArray[np.float64]:
    """Returns what each speaker adds to a fold, `(speakers, 1 + emotions)`.

    The number of clips, as parts of the corpus; then how much more of each emotion the clips hold than as many of the
    whole corpus do, over the root of the emotion's share.
    """
    columns = [np.bincount(groups, minlength=known) / len(table)]
    for target in table.targets.astype(np.float64).T:
        share = target.mean()
        if share > 0:
            part = np.bincount(groups, target, known) / len(table)
            columns.append((part - share * columns[0]) / np.sqrt(share))
    return np.stack(columns, axis=1)


def _imbalance(sums: NDArray[np.float64], n_folds: int) -> NDArray[np.float64]:
    """Returns how far folds are from the corpus, `(...)`, from the sums of their contents `(..., 1 + emotions)`.

    For each emotion the squared relative deviation of its share, times its share in the corpus (Pearson's chi-square
    a clip), and the squared relative deviation of the size. Infinite for a fold without clips.
    """
    size = sums[..., 0]
    filled = size > _MIN_GAIN
    deviations = sums[..., 1:] / np.where(filled, size, 1.0)[..., None]
    off: NDArray[np.float64] = np.sum(deviations**2, axis=-1) + _SIZE_WEIGHT * (n_folds * size - 1) ** 2
    return np.where(filled, off, np.inf)


def _deal(contents: NDArray[np.float64], n_folds: int, rng: np.random.Generator) -> Rows:
    """Returns a fold for each speaker, `(speakers,)`: the largest first, one in each fold, then where it helps most."""
    shuffled = rng.permutation(len(contents))  # decides between speakers of one size
    largest_first = shuffled[np.argsort(-contents[shuffled, 0], kind="stable")]
    fold_of = np.empty(len(contents), dtype=np.int64)
    fold_of[largest_first[:n_folds]] = rng.permutation(n_folds)
    sums = np.zeros((n_folds, contents.shape[1]))
    sums[fold_of[largest_first[:n_folds]]] = contents[largest_first[:n_folds]]
    for speaker in largest_first[n_folds:]:
        added = _imbalance(sums + contents[speaker], n_folds) - _imbalance(sums, n_folds)
        fold_of[speaker] = np.argmin(added)
        sums[fold_of[speaker]] += contents[speaker]
    return fold_of


def _improve(fold_of: Rows, contents: NDArray[np.float64], n_folds: int, rng: np.random.Generator) -> None:
    """Moves and exchanges speakers in `fold_of` until nothing that is tried lessens the imbalance.

    Every exchange with some other speakers is tried, and every move, which is an exchange for nobody.
    """
    sums = np.stack([contents[fold_of == fold].sum(axis=0) for fold in range(n_folds)])
    nobody = np.zeros_like(sums)
    window = np.arange(1, min(_PARTNERS_TRIED + 1, len(contents)))
    improved = True
    while improved:
        improved = False
        order = rng.permutation(len(contents))
        for turn, speaker in enumerate(order):
            own = fold_of[speaker]
            partners = order[(turn + window) % len(order)]
            folds = np.concatenate([fold_of[partners], np.arange(n_folds)])
            given = contents[speaker] - np.concatenate([contents[partners], nobody])  # (partners + folds, 1 + emotions)
            before = _imbalance(sums, n_folds)
            after = _imbalance(sums[own] - given, n_folds) + _imbalance(sums[folds] + given, n_folds)
            gains = np.where(folds == own, 0.0, before[own] + before[folds] - after)
            best = int(np.argmax(gains))
            if gains[best] > _MIN_GAIN:
                improved = True
                sums[own] -= given[best]
                sums[folds[best]] += given[best]
                fold_of[speaker] = folds[best]
                if best < len(partners):
                    fold_of[partners[best]] = own
