"""Which columns hold paths, speakers, splits, folds, times and emotions, by the names that people give them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from emoclr.configs.messages import perhaps
from emoclr.corpus.labels.tables.text_table import LabelsError, TextTable

Role = Literal["path", "speaker", "split", "fold", "validation_fold", "start", "end", "emotion"]

ROLES: tuple[Role, ...] = get_args(Role)
_STRUCTURE: tuple[Role, ...] = ("path", "speaker", "split", "fold", "validation_fold", "start", "end")

Given = Mapping[Role, str | None]
"""Columns that were said to have a role; None where none has it."""


class _Words(NamedTuple):
    """How columns of a role are named: `own` is its name, which goes before all others in whatever writing."""

    own: str
    others: frozenset[str]
    endings: tuple[str, ...] = ("", "s")


_NUMBERED = ("", "s", "id", "ids", "name", "code", "number", "num", "nr", "no")

_WORDS: dict[Role, _Words] = {
    "path": _Words(
        "path",
        frozenset(
            f"{what}{form}"
            for what in (
                "file",
                "wav",
                "audio",
                "sound",
                "recording",
                "clip",
                "begin",
                "audiofile",
                "wavfile",
                "soundfile",
            )
            for form in ("", "path", "file", "name", "filename", "filepath")
        )
        - {"begin"}
        | {"fullpath", "relativepath", "filename", "fname"},
    ),
    "speaker": _Words(
        "speaker",
        frozenset({"spk", "spkr", "talker", "actor", "actress", "subject", "participant", "singer", "client"}),
        _NUMBERED,
    ),
    "split": _Words("split", frozenset({"set", "partition", "subset", "splitset", "datasplit"}), ("", "s", "name")),
    "fold": _Words("fold", frozenset({"cvfold", "kfold"}), _NUMBERED),
    "validation_fold": _Words("validationfold", frozenset({"valfold", "devfold"}), _NUMBERED),
    "start": _Words(
        "start", frozenset({"starttime", "begin", "begintime", "onset", "onsettime", "tstart", "segmentstart"})
    ),
    "end": _Words("end", frozenset({"endtime", "stop", "stoptime", "tend", "segmentend"})),
    "emotion": _Words(
        "emotion",
        frozenset(
            {
                "emo",
                "emotionname",
                "emotionlabel",
                "emotioncategory",
                "label",
                "class",
                "category",
                "annotation",
                "classname",
                "emoclass",
            }
        ),
    ),
}

EXACT: dict[Role, str] = {**{role: role for role in ROLES}, "start": "start_s", "end": "end_s"}
"""The names that always win."""

_UNITS: dict[str, float | None] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("sample", "samples", "frame", "frames"), None),
}
"""Seconds in a unit of time; None for those that depend on the recording."""


def tokens(name: str) -> list[str]:
    """Returns the words of a column's name, in small letters.

    >>> tokens("Begin Time (s)"), tokens("speakerID"), tokens("file_name")
    (['begin', 'time', 's'], ['speaker', 'id'], ['file', 'name'])
    """
    return [word for word in re.split(r"[\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).casefold()) if word]


def find_columns(table: TextTable, given: Given | None = None) -> dict[Role, str]:
    """Returns the column of each role that a table has.

    A column that was given comes first, then the exact name, then the role's word in any writing (`Speaker`,
    `speaker_id`), then the other words for it. Two columns of one rank are the same where they say the same.

    Raises:
        LabelsError: a given column is not there, or several may be meant.

    Examples:
        >>> from pathlib import Path
        >>> table = TextTable(Path("labels.csv"), {"File Name": ["a.wav"], "actor": ["1"], "joy": ["1"]}, [2])
        >>> find_columns(table)
        {'path': 'File Name', 'speaker': 'actor'}
        >>> find_columns(table, {"speaker": None})
        {'path': 'File Name'}
    """
    found = {role: name for role in _STRUCTURE if (name := find_column(table, role, given)) is not None}
    if "path" not in found:
        known = ", ".join(table.columns)
        raise LabelsError(
            table.path,
            f"has no column 'path'{perhaps('path', table.columns)}; its columns are: {known}; "
            "rename the one that names the recordings, or say it as by --columns path=NAME",
        )
    left = [name for name in _offsets(table.columns) if name not in found.values()]
    if left and not ("start" in found and "end" in found):
        raise _ask(table, "start or the end", f"'{left[0]}'", "end" if "start" in found else "start", left[0])
    return found


def has_role(name: str) -> bool:
    """Returns whether a column is called as those of paths, speakers, splits, folds and times are.

    >>> has_role("Actor_ID"), has_role("joy")
    (True, False)
    """
    return any(_candidates(role, [name]) for role in _STRUCTURE)


def found_in(table: TextTable, given: Given | None) -> Given:
    """Returns the given columns that a table has, for a table that they may not have been given for."""
    return {role: name for role, name in (given or {}).items() if name is None or name in table.columns}


def find_column(table: TextTable, role: Role, given: Given | None = None) -> str | None:
    """Returns the column of one role, None where there is none; see `find_columns`."""
    given = given or {}
    if role in given:
        name = given[role]
        if name is not None and name not in table.columns:
            known = ", ".join(table.columns)
            hint = perhaps(name, table.columns)
            raise LabelsError(table.path, f"has no column '{name}'{hint}, given as {role}; its columns are: {known}")
        return name
    candidates = _candidates(role, [name for name in table.columns if name not in given.values()])
    return _one_of_equals(table, role, candidates) if candidates else None


def plain_columns(names: Sequence[str], given: Given | None = None) -> dict[Role, str] | None:
    """Returns the columns of all roles by their names alone; None where the cells have to tell, or something is wrong.

    >>> plain_columns(["file", "Speaker"]), plain_columns(["file", "actor", "subject"])
    ({'path': 'file', 'speaker': 'Speaker'}, None)
    """
    given = given or {}
    found: dict[Role, str] = {role: name for role, name in given.items() if name is not None}
    for role in _STRUCTURE:
        candidates = [] if role in given else _candidates(role, [name for name in names if name not in given.values()])
        if len(candidates) > 1:
            return None
        if candidates:
            found[role] = candidates[0]
    complete = "path" in found and not _offsets(names) and duration_column(names) is None
    return found if complete and set(found.values()) <= set(names) else None


def unit_of(name: str) -> float | None:
    """Returns the seconds in the unit that a column of times names; None for samples and frames.

    >>> unit_of("start"), unit_of("start_ms"), unit_of("Begin Time (s)"), unit_of("end_sample")
    (1.0, 0.001, 1.0, None)
    """
    return _UNITS.get((tokens(name) or [""])[-1], 1.0)


def _candidates(role: Role, names: Sequence[str]) -> list[str]:
    """Returns the columns of the best rank."""
    words = _WORDS[role]
    if EXACT[role] in names:
        return [EXACT[role]]
    own, others = [], []
    for name in names:
        word = _word(role, name)
        if any(word == words.own + ending for ending in words.endings):
            own.append(name)
        elif any(word.removesuffix(ending) in words.others for ending in words.endings):
            others.append(name)
    onset = any(_word("start", name).startswith("onset") for name in names)
    if (role == "end" and onset) or (role == "start" and not own + others and duration_column(names)):
        others += _offsets(names)  # beside an onset it is an end, with a duration a start
    return own or others


def _word(role: Role, name: str) -> str:
    words = tokens(name)
    if role in ("start", "end") and len(words) > 1 and words[-1] in _UNITS:
        words = words[:-1]
    return "".join(words)


def _offsets(names: Iterable[str]) -> list[str]:
    return [name for name in names if _word("end", name) in ("offset", "offsettime")]


def duration_column(names: Iterable[str]) -> str | None:
    """Returns the column of durations, None where there is none."""
    return next((name for name in names if _word("end", name) in ("duration", "dur")), None)


def _one_of_equals(table: TextTable, role: Role, names: list[str]) -> str:
    """Returns the first of columns that say the same; of paths the longest.

    Raises:
        LabelsError: they do not.
    """
    columns = [table.columns[name] for name in names]
    place = 0
    if len(names) == 1:
        same = True
    elif role == "path":
        place = max(range(len(names)), key=lambda place: sum(map(len, columns[place])))
        same = all(all(map(str.endswith, columns[place], column)) for column in columns)
    elif role in ("speaker", "fold", "validation_fold"):  # names and numbers of the same people
        size = len(set(columns[0]))
        same = all(len(set(column)) == size == len(set(zip(columns[0], column, strict=True))) for column in columns)
    else:
        same = all(column == columns[0] for column in columns)
    if not same:
        raise _ask(table, role, " and ".join(f"'{name}'" for name in names), role, names[0])
    return names[place]


def _ask(table: TextTable, meant: str, columns: str, role: Role, name: str) -> LabelsError:
    """Returns the error that asks which column has a role, with the mapping that would say it."""
    shell = name if re.fullmatch(r"[\w.-]+", name) else f"'{name}'"
    return LabelsError(
        table.path,
        f"{columns} may be meant as the {meant}; say which, by --columns {role}={shell}, or in the config by "
        f"columns: {{{role}: {name}}}",
    )
