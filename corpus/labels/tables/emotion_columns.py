"""The emotions of a table: columns of shares, or one column of names."""

import re
from collections.abc import Mapping, Sequence

from emoclr.configs.messages import count_of, some
from emoclr.corpus.labels.emotion_names import SYNONYMS, common_name
from emoclr.corpus.labels.tables.cells import number, share
from emoclr.corpus.labels.tables.column_names import Given, Role, find_column, has_role, tokens
from emoclr.corpus.labels.tables.text_table import LabelsError, TextTable

GROUP_WORDS = frozenset(
    {"gender", "sex", "female", "male", "age", "arousal", "valence", "dominance", "aro", "val", "act", "dom"}
    | {"confidence", "certainty", "agreement", "fold", "id", "ids", "index"}
    | {"number", "nr", "no", "duration", "dur", "length", "intensity", "repetition", "statement"}
    | {"session", "take", "trial", "version", "year", "month", "day", "date", "time"}
    | {"language", "accent", "native", "snr", "noise", "weight", "order", "channel", "channels"}
    | {"rate", "freq", "frequency", "rater", "annotator", "worker", "size", "unnamed", "selection"}
)
"""Words in the names of columns that hold numbers and are no emotions."""

DIMENSIONS = frozenset({"activation", "liking"})
"""Likewise, but only as the first word: joyful activation is an emotion (Geneva Emotional Music Scale)."""

MAX_NAMES = 100
"""A column with more different names holds sentences or files rather than emotions."""

_RATERS = frozenset({"rater", "annotator", "worker", "listener", "evaluator", "judge", "coder"})
_SEPARATORS = re.compile(r"[;,|]")
_QUOTES = " []'\""


def share_columns(table: TextTable, others: Sequence[str]) -> list[str]:
    """Returns the columns that are emotions by their values: at least half are numbers from 0 to 1.

    Columns of true and false count where there are no such numbers. Columns with well-known other meanings do not. One
    that is called like a well-known emotion counts with any numbers, so that counts of votes are refused, not left out.

    Args:
        table: the cells.
        others: the columns that have no role.
    """
    numbers: list[str] = []
    truths: list[str] = []
    for name in others:
        words = tokens(name)
        known = bool(GROUP_WORDS.intersection(words) or DIMENSIONS.intersection(words[:1]))
        known = known and not any(common_name(word) in SYNONYMS for word in words)
        if known or has_role(name):
            continue
        valid = number if common_name(name) in SYNONYMS else share
        found = [cell for cell in table.columns[name] if share(cell) is not None or valid(cell) is not None]
        if 2 * len(found) >= len(table.lines):
            (numbers if any(number(cell) is not None for cell in found) else truths).append(name)
    return numbers or truths


def names_column(
    table: TextTable, others: Sequence[str], shares: Sequence[str], given: Given | None = None
) -> str | None:
    """Returns the column that names the emotions of a clip, None where the columns of shares say them.

    Args:
        table: the cells.
        others: the columns that have no role.
        shares: the columns that are emotions by their values.
        given: columns that were said to have a role.

    Raises:
        LabelsError: both may be meant, or several columns of names.
    """
    if given and "emotion" in given:
        return find_column(table, "emotion", given)
    texts = {name: table.columns[name] for name in others if name not in shares}
    column = find_column(TextTable(table.path, texts, table.lines), "emotion")
    if column is None or not shares:
        return column
    names = {common_name(name) for cell in set(table.columns[column]) for name in _names(cell)}
    columns = {common_name(name) for name in shares}
    known, known_columns = not names.isdisjoint(SYNONYMS), not columns.isdisjoint(SYNONYMS)
    if names <= columns or (known_columns and not known):
        return None
    if known and not known_columns:
        return column
    raise LabelsError(
        table.path,
        f"the emotions may be the names in column '{column}' ({some(sorted(names), 3)}) or the columns "
        f"{some(list(shares), 3)}; say which, by --columns emotion={column} or emotions=[{','.join(shares[:3])}]",
    )


def spread_names(
    table: TextTable, column: str, clip_columns: Sequence[str], roles: Mapping[Role, str]
) -> tuple[TextTable, list[str]]:
    """Returns a table with a column of shares for each emotion in place of the one that names them, and the emotions.

    A cell names one emotion, or several with `;`, `,` or `|` between them. Rows of one clip become one, with the
    emotions of all; where a column tells raters apart, with the share of raters that named each.

    Args:
        table: the cells.
        column: the one with names.
        clip_columns: those that tell clips apart.
        roles: the columns with a meaning; the rows of one clip have to agree in them.

    Raises:
        LabelsError: a name is missing, is a number, there are too many, or rows of one clip contradict each other.
    """
    rows_of: dict[tuple[str, ...], list[int]] = {}
    for row, clip in enumerate(zip(*(table.columns[name] for name in clip_columns), strict=True)):
        rows_of.setdefault(clip, []).append(row)
    clips = list(rows_of.values())
    named = [_checked_names(table, column, row) for row in range(len(table.lines))]
    rater = next((name for name in table.columns if _RATERS.intersection(tokens(name))), None)
    columns = {
        name: [_common_cell(table, name, rows, name in roles.values()) for rows in clips]
        for name in table.columns
        if name not in (column, rater)
    }
    emotions = _spellings(table, column, named)
    for key, emotion in emotions.items():
        if emotion in columns:
            raise LabelsError(table.path, f"'{emotion}' is an emotion and the name of a column, too", column=column)
        votes = [[key in named[row] for row in rows] for rows in clips]
        columns[emotion] = [repr(sum(said) / len(said)) if rater else str(int(any(said))) for said in votes]
    remarks = list(table.remarks)
    merged = sum(len(rows) > 1 for rows in clips)
    if merged:
        how = f"the share of each {rater} that named an emotion" if rater else "all their emotions count"
        remarks.append(f"{count_of(merged, 'clip')} of several rows: {how}")
    spread = TextTable(table.path, columns, [table.lines[rows[0]] for rows in clips], tuple(remarks))
    return spread, list(emotions.values())


def _names(cell: str) -> list[str]:
    return [name for part in _SEPARATORS.split(cell) if (name := part.strip(_QUOTES)) and name.casefold() != "nan"]


def _checked_names(table: TextTable, column: str, row: int) -> dict[str, str]:
    """Returns the emotions that a cell names as they are written, by the same in small letters."""
    names = _names(table.columns[column][row])
    if not names:
        raise table.error(row, column, "the name of an emotion is missing")
    for name in names:
        if number(name) is not None:
            raise table.error(row, column, f"{name!r} is a number; write the name of the emotion")
        if not name.isprintable():
            raise table.error(row, column, f"{name!r} is no text")
        if name[0] == "{":
            raise table.error(
                row, column, f"{name!r} begins JSON; write the names of emotions alone, with ; between them"
            )
    return {name.casefold(): name for name in names}


def _spellings(table: TextTable, column: str, named: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Returns the emotions of all rows by their names in small letters, sorted; each as it is first written."""
    found: dict[str, str] = {}
    for names in named:
        found = {**names, **found} if names.keys() - found.keys() else found
    if len(found) > MAX_NAMES:
        raise LabelsError(table.path, f"holds {len(found):,} different names, too many for emotions", column=column)
    return dict(sorted(found.items()))


def _common_cell(table: TextTable, column: str, rows: Sequence[int], agreed: bool) -> str:
    """Returns what the rows of one clip say in a column; of those that need not agree, "several" where they do not."""
    cells = table.columns[column]
    first = cells[rows[0]]
    for row in rows[1:]:
        if cells[row] != first:
            if agreed:
                raise table.error(row, column, f"is {cells[row]!r} here, {first!r} in row {table.lines[rows[0]]}")
            return "several"
    return first
