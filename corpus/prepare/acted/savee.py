"""SAVEE: four Englishmen speak 15 sentences in each of seven emotions, 30 in neutral.

For research, after registration. Haq and Jackson (2010), "Multimodal Emotion Recognition", in Machine Audition, IGI
Global. A clip is named for its emotion and number below its speaker's folder (DC/a01), or all in one (DC_a01).
"""

import re
from itertools import chain, product
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")

_NAME = re.compile(
    rf"(?:.*/)?(?P<speaker>{'|'.join(SPEAKERS)})[/_](?P<emotion>{'|'.join(EMOTIONS).upper()})(?P<number>\d\d)"
)


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker and sex.

    There is no split: four speakers are for folds.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like DC/a01 or DC_a01", whole_path=True)
    codes = [file.parts["emotion"].lower() for file in files]
    speakers = [file.parts["speaker"] for file in files]
    table = one_label(
        files,
        [EMOTIONS[code] for code in codes],
        EMOTIONS.values(),
        speaker=speakers,
        sex="male",
        language="english",
    )
    numbers = [int(file.parts["number"]) for file in files]
    present = set(zip(speakers, codes, numbers, strict=True))
    every = chain(product(SPEAKERS, EMOTIONS, range(1, 16)), product(SPEAKERS, "n", range(16, 31)))
    missing = [
        f"{speaker}/{code}{number:02}" for speaker, code, number in every if (speaker, code, number) not in present
    ]
    return Prepared(table, len(files), notes, missing)


RECIPE = Recipe(
    name="savee",
    description="SAVEE: 4 men, 120 sentences each",
    language="English",
    emotions=7,
    licence="research only, on registration",
    citation="Haq and Jackson (2010), in Machine Audition, IGI Global",
    clips={"intended": 480},
    read=read,
)
