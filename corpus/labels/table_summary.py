"""How a table of labels was understood, in one line."""

from collections import Counter

import numpy as np

from emoclr.configs.console import say
from emoclr.configs.messages import count_of, readable, some
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.corpus.labels.splits import unit_of as kept_apart
from emoclr.corpus.labels.tables.column_names import unit_of

_SHOWN_EMOTIONS = 10
_UNITS = {1.0: "s", 1e-3: "ms"}


def table_summary(table: LabelTable, n_folds: int | None = None, by: str | None = "folds") -> str:
    """Returns how a table was understood: clips, emotions, and which columns say speakers, splits and times.

    Args:
        table: as it was read.
        n_folds: the folds that were asked for, which go before those of the table.
        by: "folds" or "drawn" by speaker, of a table without splits and folds; None where it stays whole.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from emoclr.corpus import read_labels
        >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
        >>> _ = path.write_text("file,Actor,emotion,start\\na.wav,1,joy,0\\nb.wav,2,anger,1\\n")
        >>> table_summary(read_labels(path))
        '2 clips; emotions: anger, joy; speakers: column Actor (2); splits: none, folds by speaker; parts: start in s'
    """
    columns = {meaning: readable(name) for meaning, name in table.reading.columns.items()}
    parts = [count_of(len(table), "clip")]
    if table.emotions:
        parts.append(f"emotions: {some(table.emotions, _SHOWN_EMOTIONS)}")
    known = len(set(table.speakers or ()) - {""})
    parts.append(f"speakers: column {columns.get('speaker', 'speaker')} ({known:,})" if known else "speakers: none")
    parts.append(f"splits: {_splits(table, columns, n_folds, by)}")
    times = [columns[meaning] for meaning in ("start", "end", "duration", "file offset") if meaning in columns]
    if times:
        parts.append(f"parts: {', '.join(times)} in {_UNITS.get(unit_of(times[0]) or 1.0)}")
    if table.groups:
        parts.append(f"groups: {some([readable(name) for name in table.groups], _SHOWN_EMOTIONS)}")
    return "; ".join([*parts, *table.reading.remarks])


def tell_table(table: LabelTable, n_folds: int | None = None, by: str | None = "folds") -> str:
    """Says how a table was understood, and returns the line, with the name of the file; see `table_summary`."""
    line = f"{readable(table.source)}: {table_summary(table, n_folds, by)}"
    say(line)
    return line


def tell_tables(table: LabelTable, other: LabelTable | None, n_folds: int | None, by: str | None) -> list[str]:
    """Says likewise how a table was understood, and one whose clips are scored, which is not divided."""
    if other is None:
        return [tell_table(table, n_folds, by)]
    return [tell_table(table, n_folds, by), tell_table(other, by=None)]


def _splits(table: LabelTable, columns: dict[str, str], n_folds: int | None, by: str | None) -> str:
    if table.splits is not None and n_folds is None:
        counts = Counter(table.splits)
        return f"column {columns.get('split', 'split')} ({', '.join(f'{counts[name]:,} {name}' for name in counts)})"
    if table.folds is not None and n_folds is None:
        validation = f", validation: column {columns['validation_fold']}" if "validation_fold" in columns else ""
        return f"none, folds: column {columns.get('fold', 'fold')} ({len(np.unique(table.folds))}){validation}"
    parts = "folds" if n_folds is not None else by
    return f"{'unused' if table.splits is not None else 'none'}{f', {parts} by {kept_apart(table)}' if parts else ''}"
