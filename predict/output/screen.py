"""Predictions on standard output: lines, or a table that people read; and their sum in minutes."""

import io
import sys
from collections.abc import Iterator, Sequence

from emoclr.configs.console import results
from emoclr.configs.messages import count_of, readable
from emoclr.predict.output.tables import Columns
from emoclr.predict.stream.rows import PredictionRow, Row, Spoken
from emoclr.predict.stream.segments import Segment

MAX_WIDTH = 10_000


def print_text(text: str) -> None:
    """Writes onto standard output at once; names of files that are no UTF-8 keep their bytes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    sys.stdout.write(text)
    sys.stdout.flush()


def print_table(rows: Sequence[Row], columns: Columns) -> None:
    """Prints rows on standard output: times, and the emotions of each.

    Of a recording those are its emotions with the time they take, of a window those with their probabilities.
    """
    from rich.table import Table
    from rich.text import Text

    of_recordings = columns.kind == "recording"
    channel = ["channel"] if columns.channel else []
    table = Table("recording", *channel, *(["length", "voice"] if of_recordings else ["from", "to"]), "emotions")
    for row in rows:
        times = [row.start_s, row.end_s]
        if of_recordings and isinstance(row, PredictionRow):
            times = [row.end_s, row.voice * row.end_s]
        number = [str(row.channel)] if columns.channel else []
        table.add_row(Text(str(row.path)), *number, *map(clock, times), Text(_emotions(row, columns.emotions)))
    screen = results()
    if not screen.is_terminal:  # in a file or a pipe nothing is folded
        screen.width = screen.measure(table, options=screen.options.update(width=MAX_WIDTH)).maximum
    screen.print(table)


def clock(seconds: float) -> str:
    """Returns a time as people write it.

    >>> clock(62.56), clock(3723.0)
    ('1:02.6', '1:02:03.0')
    """
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    of_hours = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{of_hours}:{rest / 10:04.1f}"


def sums(spoken: Spoken, recordings: int, columns: Columns) -> Iterator[str]:
    """Yields how long somebody spoke in recordings, or in channels, and how long in each emotion.

    >>> print(*sums(Spoken(120.0, 60.0, [15.0]), 2, Columns(["joy"], "recording")), sep="\\n")
    2 recordings, 2:00.0; somebody speaks in 1:00.0, of which
      joy: 0:15.0 (25 %)
    """
    if not recordings:
        return
    heard = f"{count_of(recordings, 'channel' if columns.channel else 'recording')}, {clock(spoken.duration_s)}"
    yield f"{heard}; somebody speaks in {clock(spoken.voiced_s)}, of which"
    for emotion, seconds in zip(columns.emotions, spoken.emotions_s, strict=True):
        yield f"  {readable(emotion)}: {part_of(seconds, spoken.voiced_s)}"


def part_of(seconds: float, of_s: float) -> str:
    """Returns a time, and its share of another.

    >>> part_of(15.0, 60.0)
    '0:15.0 (25 %)'
    """
    return f"{clock(seconds)} ({100 * seconds / max(of_s, 1e-9):.0f} %)"


def _emotions(row: Row, emotions: Sequence[str]) -> str:
    if isinstance(row, Segment):
        return f"{row.emotion} {row.probability:.2f}"
    if not row.voice:
        return "(nobody speaks)"
    if row.shares is not None and row.shares.any():
        voiced_s = row.voice * row.end_s
        by_share = sorted(zip(emotions, row.shares.tolist(), strict=True), key=lambda pair: -pair[1])
        return ", ".join(f"{name} {part_of(share * voiced_s, voiced_s)}" for name, share in by_share if share)
    by_name = sorted(zip(emotions, row.probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
    named = [f"{name} {p:.2f}" for name, p in by_name if name in row.emotions]
    return ", ".join(named) or "none of these ({} {:.2f} at most)".format(*by_name[0])
