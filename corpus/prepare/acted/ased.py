"""ASED: 65 people speak 27 Amharic sentences in five emotions.

Its repository (Ethio2021/ASED_V1) states no licence. Retta et al. (2022), "A New Amharic Speech Emotion Dataset and
Classification Benchmark", ACM Transactions on Asian and Low-Resource Language Information Processing. A name is
xn-yy-aa-gg-bb, such as a5-03-01-02-50: emotion x and its folder n, sentence, repetition, sex (01 female, 02 male) and
speaker. A clip was kept where five of eight judges heard its emotion, so not every speaker has every sentence.
"""

import re
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.people import split_of
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {"n": "neutral", "f": "fearful", "h": "happy", "s": "sad", "a": "angry"}
SEXES = {"01": "female", "02": "male"}

_NAME = re.compile(r"(?P<emotion>[NFHSA])\d-(?P<sentence>\d\d)-(?P<repetition>\d\d)-(?P<sex>0[12])-(?P<speaker>\d\d)")


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker, split, sex and sentence.

    Test speakers are those whose number divides by 5, validation speakers those that leave 1. Sentences are numbered
    within an emotion; which of the numbers are the two that all emotions share is not published, so none is joined.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like a5-03-01-02-50")
    codes = [file.parts["emotion"].lower() for file in files]
    table = one_label(
        files,
        [EMOTIONS[code] for code in codes],
        EMOTIONS.values(),
        speaker=[file.parts["speaker"] for file in files],
        split=[split_of(int(file.parts["speaker"])) for file in files],
        sex=[SEXES[file.parts["sex"]] for file in files],
        sentence=[f"{code}{file.parts['sentence']}" for code, file in zip(codes, files, strict=True)],
        language="amharic",
    )
    return Prepared(table, len(files), notes)


RECIPE = Recipe(
    name="ased",
    description="ASED: 65 speakers, 27 sentences",
    language="Amharic",
    emotions=5,
    licence="not stated",
    citation="Retta et al. (2022), ACM TALLIP, doi:10.1145/3529759",
    clips={"intended": 2_474},
    read=read,
)
