"""Speakers whose names differ in writing only: capitals, blanks, zeros in front, forms of Unicode."""

import re
import unicodedata
from collections import Counter

from emoclr.configs.messages import count_of, readable
from emoclr.corpus.labels.checks.table_note import TableNote
from emoclr.corpus.labels.label_table import LabelTable


def plain_name(name: str) -> str:
    """Returns a name without what people write now so, now so.

    >>> plain_name("Anna  B") == plain_name("anna_b"), plain_name("01") == plain_name("1.0") == plain_name("1")
    (True, True)
    >>> plain_name("spk_07") == plain_name("SPK7"), plain_name("1-1") == plain_name("11")
    (True, False)
    """
    plain = unicodedata.normalize("NFKC", name).casefold().strip()
    plain = re.sub(r"^(\d+)\.0+$", r"\1", plain)  # what spreadsheets and pandas make of a number
    plain = re.sub(r"[\s_-]+", " ", plain)
    plain = re.sub(r"(?<=[^\W\d]) (?=\d)", "", plain)
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)


def speakers_alike(table: LabelTable) -> TableNote | None:
    """Returns the speakers whose names differ in writing only, each with its clips."""
    clips = Counter(table.speakers or ())
    written: dict[str, list[str]] = {}
    for name in clips:
        if name:
            written.setdefault(plain_name(name), []).append(name)
    several = [sorted(names) for names in written.values() if len(names) > 1]
    if not several:
        return None
    cases = [
        " and ".join(f"'{_shown(name, names)}' ({count_of(clips[name], 'clip')})" for name in names)
        for names in several
    ]
    return TableNote(
        "speakers written in several ways",
        f"{count_of(len(several), 'speaker')} may be written in several ways; if each is one person, a voice can be on "
        "both sides of a fold or a split: write the names alike",
        cases,
    )


def _shown(name: str, others: list[str]) -> str:
    """Returns a name; spelled out where another one looks the same on the screen."""
    same = [other for other in others if unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", name)]
    return readable(name) if len(same) == 1 else ascii(name)[1:-1]
