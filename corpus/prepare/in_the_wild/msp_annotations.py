"""The label tables of MSP-Podcast, in the forms that its releases have had."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoclr.configs.console import track
from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import parse_json
from emoclr.corpus.prepare.tables import find_table, read_published

_DETAIL = re.compile(r"[^;]*;(?P<major>.*?);(?P<second>[^;]*);\s*A:")
"""WORKER; primary; secondary, separated by commas; A:3.0; V:4.0; D:4.0; in releases 1.7 to 1.12. What other emotion
the primary one is may be typed in freely."""


@dataclass(frozen=True)
class Turn:
    """What is agreed on a speaking turn; `emotion` is one letter."""

    emotion: str
    speaker: str
    sex: str
    part: str


def read_consensus(folder: Path) -> dict[str, Turn]:
    """Returns the turns by the names of their files, in capitals, without the ending.

    Raises:
        EmoclrError: there is no consensus table below `folder`, or it is another.
    """
    path = find_table(
        folder,
        *(f"labels_{name}.{ending}" for ending in ("csv", "json") for name in ("consensus", "concensus")),
    )
    if path is None:
        raise EmoclrError(f"{folder}: no labels_consensus.csv or .json in it, which holds speakers, sets and emotions")
    columns = ["EmoClass", "SpkrID", "Gender", "Split_Set"]
    if path.suffix == ".csv":
        table = read_published(path, ["FileName", *columns], "MSP-Podcast").fillna("")
        rows: Iterable[tuple[object, ...]] = table[["FileName", *columns]].itertuples(index=False)
    else:
        entries = ((name, entry[0] if isinstance(entry, list) else entry) for name, entry in _json(path).items())
        rows = ((name, *(entry.get(column, "") for column in columns)) for name, entry in entries)
    return {_stem(row[0]): Turn(*(str(cell).strip() for cell in row[1:])) for row in rows}


def read_votes(folder: Path) -> dict[str, list[tuple[str, list[str]]]]:
    """Returns for each turn what each annotator chose: the primary emotion, and all secondary ones.

    Raises:
        EmoclrError: there is no table of single annotations below `folder`, or it is another.
    """
    path = find_table(folder, "labels_detailed.csv", "labels_detailed.json")
    if path is None:
        raise EmoclrError(
            f"{folder}: no labels_detailed.csv or .json in it, which holds the votes; "
            "without it, use --labels consensus"
        )
    votes = defaultdict(list)
    for name, major, second in _csv_votes(path) if path.suffix == ".csv" else _json_votes(path):
        secondary = [word.strip() for word in second.split(",")]
        if major.strip() or any(secondary):
            votes[_stem(name)].append((major.strip(), [word for word in secondary if word]))
    return dict(votes)


def _csv_votes(path: Path) -> Iterator[tuple[str, str, str]]:
    table = read_published(path, ["FileName"], "MSP-Podcast").fillna("")
    if "EmoDetail" in table.columns:
        for name, detail in track(
            zip(table["FileName"], table["EmoDetail"], strict=True), "reading votes", total=len(table)
        ):
            match = _DETAIL.match(str(detail))
            if match is None:
                raise EmoclrError(f"{path}: EmoDetail of {name} is not 'worker; primary; secondary; A:..': {detail!r}")
            yield str(name), match["major"], match["second"]
        return
    missing = [column for column in ("EmoClass_Major", "EmoClass_Second") if column not in table.columns]
    if missing:
        raise EmoclrError(f"{path}: has neither a column EmoDetail nor {', '.join(missing)}")
    columns = [table[column].astype(str) for column in ("FileName", "EmoClass_Major", "EmoClass_Second")]
    yield from track(zip(*columns, strict=True), "reading votes", total=len(table))


def _json_votes(path: Path) -> Iterator[tuple[str, str, str]]:
    for name, workers in track(_json(path).items(), "reading votes"):
        for vote in workers["Workers"] if "Workers" in workers else workers.values():
            yield name, str(vote.get("EmoClass_Major", "")), str(vote.get("EmoClass_Second", ""))


def _json(path: Path) -> dict[str, Any]:
    try:
        entries = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EmoclrError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(entries, dict):
        raise EmoclrError(f"{path}: is not an object with a key for each recording")
    return entries


def _stem(name: object) -> str:
    return Path(str(name)).stem.upper()
