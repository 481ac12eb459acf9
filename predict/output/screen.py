"""Predictions as a table that people read."""

from collections.abc import Sequence

from emoclr.configs.console import results
from emoclr.predict.run import PredictionRow

MAX_WIDTH = 10_000


def print_table(rows: Sequence[PredictionRow], emotions: Sequence[str], *, timeline: bool) -> None:
    """Prints the emotions of each row with their probabilities, the likeliest first, on standard output.

    Where none reaches its threshold, the likeliest one stands in brackets.

    Args:
        rows: of recordings, or of windows.
        emotions: the names of all probabilities.
        timeline: rows are windows.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table("recording", *(["from", "to"] if timeline else ["length"]), "emotions")
    for row in rows:
        times = [row.start_s, row.end_s] if timeline else [row.end_s]
        table.add_row(Text(str(row.path)), *map(clock, times), Text(_likeliest(row, emotions)))
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


def _likeliest(row: PredictionRow, emotions: Sequence[str]) -> str:
    by_name = sorted(zip(emotions, row.probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
    named = [f"{name} {p:.2f}" for name, p in by_name if name in row.emotions]
    return ", ".join(named) or "({} {:.2f})".format(*by_name[0])
