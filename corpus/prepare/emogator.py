"""EmoGator: vocal bursts (laughs, sighs, screams) of 357 people, each giving 30 emotions three times.

Apache-2.0. Buhl (2023), "EmoGator: A New Open Source Vocal Burst Dataset with Baseline Machine Learning Classification
Methodologies", arXiv:2301.00508. A clip's name is CONTRIBUTOR-EMOTION-INSTANCE. That 01 to 30 in a name count through
the emotions in the order below is what the README of the corpus's own repository (fredbuhl/EmoGator) says.
"""

import re
from pathlib import Path

from corpus.prepare.named_files import find_named
from corpus.prepare.people import split_of
from corpus.prepare.recipe import Prepared, Recipe

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

    Test contributors are those whose number divides by 5, validation contributors those that leave 1.

    Raises:
        EmoclrError: there are no clips.
    """
    import pandas as pd

    files, notes = find_named(folder, _NAME, "like 000001-01-1")
    given = [int(file.parts["emotion"]) - 1 for file in files]
    people = [file.parts["contributor"] for file in files]
    emotions = {name: [int(code == number) for code in given] for number, name in enumerate(EMOTIONS)}
    table = pd.DataFrame(
        {
            "path": [str(file.path) for file in files],
            **emotions,
            "speaker": people,
            "split": [split_of(int(person)) for person in people],
        }
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
