"""Which clips to label first: drawn at random, speakers or recordings in turn."""

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.files import csv_line, text_cell, write_text
from emoclr.configs.messages import count_of
from emoclr.corpus.labels.annotation.answers import read_clips_to_label, unclear_path
from emoclr.corpus.labels.annotation.clip_rows import CLIP, clip_keys, clip_rows, extra_cells, joined_line
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.labels_csv import read_clips
from emoclr.corpus.labels.tables.column_names import Given


def pick(
    data: Path, out: Path, n: int, labels: Path | None = None, seed: int = 0, columns: Given | None = None
) -> LabelTable:
    """Writes the clips of a table that should be labelled first, in this order, and returns them.

    The first ones of a longer pick are those of a shorter one.

    Args:
        data: table of clips, such as `corpus segment` writes it.
        out: the CSV, with the columns of `data` but those that would be emotions.
        n: how many; all where there are fewer.
        labels: labels.csv; clips that have an answer are not picked, and those of other voices come first.
        seed: of the draw.
        columns: columns of `data` by their meaning, where their names do not tell it.

    Raises:
        ConfigError: nothing is asked for, or everything has an answer.
        LabelsError: a table is none of clips.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "all.csv").write_text("path,start_s,end_s\\na.wav,0,2\\na.wav,2,4\\nb.wav,0,2\\n")
        >>> picked = pick(folder / "all.csv", folder / "picked.csv", 2)
        >>> sorted(path.name for path in picked.paths)
        ['a.wav', 'b.wav']
    """
    table = read_clips_to_label(data, columns)
    answered = answered_clips(table, labels)
    check_left(data, n, answered)
    speakers = table.speakers or [""] * len(table)
    voices = [speaker or str(path) for speaker, path in zip(speakers, table.paths, strict=True)]
    return write_picked(table, in_turn(voices, answered, seed)[:n], out)


def check_left(data: Path, n: int, answered: NDArray[np.bool_]) -> None:
    """Checks that clips are asked for, and that one has no answer.

    Raises:
        ConfigError: it is not so.
    """
    if n < 1:
        raise ConfigError(f"--n {n}: is not 1 or more")
    if answered.all():
        raise ConfigError(f"{data}: has no clip that is left to label")


def answered_clips(table: LabelTable, labels: Path | None) -> NDArray[np.bool_]:
    """Returns which clips have labels, or were heard by one who could not tell, bool (clips,)."""
    places = [place for place in (labels, unclear_path(labels)) if place.exists()] if labels else []
    given = {key for place in places for key in clip_keys(read_clips(place))}
    return np.array([key in given for key in clip_keys(table)], dtype=np.bool_)


def write_picked(table: LabelTable, rows: NDArray[np.int64], out: Path) -> LabelTable:
    """Writes some clips of a table, in this order, says how many they are, and returns them."""
    picked = table.select(rows)
    extra = extra_cells(picked, out)
    lines = map(joined_line, clip_rows(picked, out, list(extra)))
    write_text(out, csv_line([*CLIP, *map(text_cell, extra)]) + "".join(lines))
    recordings = count_of(len(set(table.paths)), "recording")
    say(f"{len(picked):,} of {count_of(len(table), 'clip')}, of {len(set(picked.paths)):,} of {recordings}")
    return picked


def in_turn(voices: list[str], answered: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """Returns the clips without an answer in the order of picking: voices take turns, those with fewest answers first.

    Args:
        voices: the speaker or recording of each clip.
        answered: bool (clips,).
        seed: of the draw.

    Examples:
        >>> in_turn(["a", "a", "b", "a"], np.array([False, True, False, False]), seed=0).tolist()[0]
        2
    """
    order = np.random.default_rng(seed).permutation(len(voices))
    turns = Counter(voice for voice, done in zip(voices, answered, strict=True) if done)
    places = np.zeros(len(voices), dtype=np.int64)
    for row in order[~answered[order]]:
        places[row] = turns[voices[row]]
        turns[voices[row]] += 1
    left = order[~answered[order]]
    return left[np.argsort(places[left], kind="stable")]
