"""A table of clips to a page on which they are labelled."""

import contextlib
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import count_of, some
from emoclr.corpus.labels.annotation.answers import Answers, read_clips_to_label
from emoclr.corpus.labels.annotation.page import write_page
from emoclr.corpus.labels.annotation.server import LabelServer
from emoclr.corpus.labels.annotation.sounds import Sounds
from emoclr.corpus.labels.emotion_names import check_emotion_names
from emoclr.corpus.labels.labels_csv import read_labels
from emoclr.corpus.labels.tables.column_names import Given
from emoclr.corpus.labels.tables.emotion_columns import share_columns
from emoclr.corpus.labels.tables.text_table import TextTable
from emoclr.corpus.parallel.locks import lock_table

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


def label_by_ear(
    table: Path, out: Path, emotions: Sequence[str] | None, port: int = 0, columns: Given | None = None
) -> None:
    """Serves the page for the clips of a table until Ctrl-C; `out` holds each answer as soon as it is given.

    Args:
        table: clips, such as `corpus segment` writes them.
        out: the labels.csv.
        emotions: their names; None for those of `out`, or for `EMOTIONS` where it is not there.
        port: of the page on this machine; 0 for one that is free.
        columns: columns of the table by their meaning, where their names do not tell it.

    Raises:
        ConfigError: an emotion cannot be called so, the port is taken, or another page writes to `out`.
        LabelsError: the table is none of clips, or `out` has other emotions.
    """
    clips = read_clips_to_label(table, columns)
    with lock_table(out), Sounds(clips) as sounds:
        answers = Answers(clips, out, _names(emotions, out))
        with LabelServer(answers, sounds, port) as server:
            labelled, unclear = answers.counts()
            say(f"{count_of(len(clips), 'clip')}, {labelled:,} labelled, {unclear:,} not to tell")
            say(f"label them at {server.url}")
            say("Ctrl-C ends; the same command goes on")
            if has_screen():
                webbrowser.open(server.url)
            with contextlib.suppress(KeyboardInterrupt):
                server.serve_forever()
        labelled, unclear = answers.counts()
        left = len(clips) - labelled - unclear
        say(f"{out}: {labelled:,} labelled, {unclear:,} not to tell, {left:,} left")


def write_label_page(table: Path, page: Path, emotions: Sequence[str] | None, columns: Given | None = None) -> None:
    """Writes the page as one file that holds its sound; what it saves, by a download, belongs beside the table.

    The labels of `page.html` are called `page.labels.csv`; where they lie beside the table already, it goes on there.

    Args:
        table: see `label_by_ear`.
        page: the file.
        emotions: see `label_by_ear`.
        columns: see `label_by_ear`.

    Raises:
        ConfigError: an emotion cannot be called so.
        LabelsError: the table is none of clips.
        EmoclrError: no clip can be heard, or the file cannot be written.
    """
    out = table.with_name(f"{page.stem}.labels.csv")
    write_page(Answers(read_clips_to_label(table, columns), out, _names(emotions, out)), page)
    say(f"wrote {page}; it saves {out.name}, which belongs beside {table}")


def _names(emotions: Sequence[str] | None, out: Path) -> list[str]:
    """Returns the names of emotions, which have to be emotions to those who read them.

    Raises:
        ConfigError: one has another meaning in a table of labels, stands there twice, or is no name.
    """
    if emotions is None:
        return read_labels(out, refuse_leaks=False).emotions if out.exists() else list(EMOTIONS)
    try:
        check_emotion_names(emotions)
    except ValueError as error:
        raise ConfigError(f"--emotions: {error}") from error
    cells = TextTable(Path(), {name: ["1"] for name in emotions}, [1])
    taken = [name for name in emotions if name not in share_columns(cells, emotions)]
    if taken:
        raise ConfigError(f"--emotions: {some(taken)}: means something else in a table of labels; choose another name")
    return list(emotions)


def has_screen() -> bool:
    """Returns whether a browser would open in a window of its own, and before the person who typed the command."""
    window = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return window and "SSH_CONNECTION" not in os.environ
