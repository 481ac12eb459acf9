"""TESS: two actresses, 26 and 64 years old, say 200 words in seven emotions.

CC BY-NC-ND 4.0. Pichora-Fuller and Dupuis (2020), "Toronto emotional speech set (TESS)", Borealis,
doi:10.5683/SP2/E8H2MF. A name is SPEAKER_WORD_EMOTION, such as OAF_back_angry; "ps" is pleasant surprise. One clip is
published as OA_bite_neutral and belongs to OAF.
"""

import re
from itertools import product
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.people import age_band
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "pleasant surprise",
    "sad": "sad",
}
AGES = {"OAF": 64, "YAF": 26}

_NAME = re.compile(rf"(?P<age>OA|YA)F?_(?P<word>[A-Z]+)_(?P<emotion>{'|'.join(EMOTIONS).upper()})")


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker, sex, age (ten-year bands) and sentence (the word).

    There is no split: of two speakers one tests and the other trains, in two folds.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like OAF_back_angry")
    speakers = [f"{file.parts['age']}F" for file in files]
    words = [file.parts["word"].lower() for file in files]
    codes = [file.parts["emotion"].lower() for file in files]
    table = one_label(
        files,
        [EMOTIONS[code] for code in codes],
        EMOTIONS.values(),
        speaker=speakers,
        sex="female",
        age=[age_band(AGES[speaker]) for speaker in speakers],
        sentence=words,
        language="english",
    )
    present = set(zip(speakers, words, codes, strict=True))
    # A word that lacks everywhere has no name here; one that is there once is looked for everywhere.
    every = product(AGES, sorted(set(words)), EMOTIONS)
    return Prepared(table, len(files), notes, ["_".join(clip) for clip in every if clip not in present])


RECIPE = Recipe(
    name="tess",
    description="TESS: 2 actresses, 200 words",
    language="English",
    emotions=7,
    licence="CC BY-NC-ND 4.0",
    citation="Pichora-Fuller and Dupuis (2020), doi:10.5683/SP2/E8H2MF",
    clips={"intended": 2_800},
    read=read,
)
