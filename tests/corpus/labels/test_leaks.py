"""The same sound on both sides of a split is found by content, whatever the files are called."""

from pathlib import Path

import numpy as np
import pytest

from emoclr.corpus.labels.division import Division, check_leaks
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.leaks import check_duplicates
from emoclr.corpus.labels.tables.text_table import LabelsError

PARTS = {"train": np.array([0, 1, 2]), "test": np.array([3, 4])}


def clips(*bounds: tuple[float, float]) -> LabelTable:
    n = len(bounds)
    return LabelTable(
        source=Path("labels.csv"),
        paths=[Path(f"/clips/{clip}.wav") for clip in range(n)],
        emotions=[],
        targets=np.zeros((n, 0), dtype=np.float32),
        speakers=None,
        splits=None,
        start_s=np.array([start for start, _ in bounds]),
        end_s=np.array([end for _, end in bounds]),
        groups={},
    )


WHOLE = (0.0, np.nan)


def digests(*names: str) -> np.ndarray:
    return np.array([name.encode() for name in names], dtype="S16")


def test_silence_is_no_leak_and_nothing_but_silence_no_corpus() -> None:
    table, found = clips(*[WHOLE] * 5), digests("a", "b", "c", "d", "b")
    division = Division([(PARTS["train"], PARTS["test"])], [[]], given=True)
    check_leaks(table, division, found, np.array([False, True, False, False, True]))
    with pytest.raises(LabelsError, match="the same sound is in train and in test"):
        check_leaks(table, division, found, np.array([True, False, True, True, False]))
    with pytest.raises(LabelsError, match=r"labels\.csv: none of 5 clips holds sound"):
        check_leaks(table, division, found, np.ones(5, dtype=np.bool_))


def test_one_content_in_two_parts_is_refused_with_both_files() -> None:
    with pytest.raises(LabelsError, match=r"in train and in test: /clips/1.wav and /clips/4.wav: a leak"):
        check_duplicates(clips(*[WHOLE] * 5), digests("a", "b", "c", "d", "b"), PARTS)


def test_several_are_counted() -> None:
    with pytest.raises(LabelsError, match=r"\(1 more like this\)"):
        check_duplicates(clips(*[WHOLE] * 5), digests("a", "b", "c", "c", "b"), PARTS)


def test_repeats_within_a_part_and_rows_of_no_part_are_fine() -> None:
    check_duplicates(clips(*[WHOLE] * 5), digests("a", "a", "c", "d", "d"), PARTS)
    check_duplicates(clips(*[WHOLE] * 6), digests("a", "b", "c", "d", "e", "a"), PARTS)
    check_duplicates(clips(*[WHOLE] * 5), digests("a", "b", "c", "d", "a"), PARTS | {"test": np.array([3])})


@pytest.mark.parametrize(
    ("train", "test", "leak"),
    [
        ((0.0, 2.0), (2.0, 4.0), False),
        ((2.0, np.nan), (0.0, 2.0), False),
        ((0.0, 2.5), (2.0, 4.0), True),
        ((0.0, np.nan), (2.0, 4.0), True),
    ],
)
def test_parts_of_one_recording_leak_where_they_overlap(
    train: tuple[float, float], test: tuple[float, float], leak: bool
) -> None:
    table = clips(WHOLE, train, WHOLE, WHOLE, test)
    found = digests("a", "b", "c", "d", "b")
    if leak:
        with pytest.raises(LabelsError, match=r"/clips/4.wav \[2 s to 4 s\]"):
            check_duplicates(table, found, PARTS)
    else:
        check_duplicates(table, found, PARTS)


def test_a_long_clip_is_compared_with_all_that_follow_it() -> None:
    table = clips((0.0, 9.0), (1.0, 2.0), (3.0, 4.0), (8.0, 10.0), (20.0, 21.0))
    with pytest.raises(LabelsError, match=r"0.wav \[0 s to 9 s\] and /clips/3.wav \[8 s to 10 s\]: a leak"):
        check_duplicates(table, digests(*["a"] * 5), PARTS)
