"""EmoGator: vocal bursts (laughs, sighs, screams) of 357 people, each giving 30 emotions three times.

Apache-2.0. Buhl (2023), "EmoGator: A New Open Source Vocal Burst Dataset with Baseline Machine Learning Classification
Methodologies", arXiv:2301.00508. A clip's name is CONTRIBUTOR-EMOTION-INSTANCE. That 01 to 30 in a name count through
the emotions in the order below is what the README of the corpus's own repository (fredbuhl/EmoGator) says.
"""

import re
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.people import split_of
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = (
    "adoration",
    "amusement",
    "anger",
    "awe",
    "confusion",
    "contempt",
    "contentment",
    "desire",
    "disappointment",
    "disgust",
    "distress",
    "ecstasy",
    "elation",
    "embarrassment",
    "fear",
    "guilt",
    "interest",
    "neutral",
    "pain",
    "pride",
    "realization",
    "relief",
    "romantic_love",
    "sadness",
    "serenity",
    "shame",
    "surprise_negative",
    "surprise_positive",
    "sympathy",
    "triumph",
)
"""Number 01 comes first."""

_NAME = re.compile(r"(?P<contributor>\d{6})-(?P<emotion>0[1-9]|[12]\d|30)-(?P<instance>\d+)")


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: 30 one-hot emotions ("intended", the only labels there are), speaker and split.

    The two surprises stay two columns, `surprise_negative` and `surprise_positive`: the corpus holds them apart, and
    the `surprise` of other corpora is neither. Test contributors are those whose number divides by 5, validation
    contributors those that leave 1.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like 000001-01-1")
    people = [file.parts["contributor"] for file in files]
    table = one_label(
        files,
        [EMOTIONS[int(file.parts["emotion"]) - 1] for file in files],
        EMOTIONS,
        speaker=people,
        split=[split_of(int(person)) for person in people],
        language="none",
    )
    return Prepared(table, len(files), [f"{len(set(people))} of 357 contributors", *notes])


RECIPE = Recipe(
    name="emogator",
    description="EmoGator: vocal bursts (laughs, sighs, screams) of 357 people",
    language="no words",
    emotions=30,
    licence="Apache-2.0",
    citation="Buhl (2023), arXiv:2301.00508",
    clips={"intended": 32_130},
    read=read,
)
