"""EmoDB: ten actors speak ten German sentences in seven emotions.

Free to download; its pages state no licence. Burkhardt et al. (2005), "A Database of German Emotional Speech",
Interspeech. A name such as 03a01Fa is speaker 03, text a01, the first letter of the German word for the emotion
(Freude) and the version. Counted are the 535 clips of the first release; a later one that has more is named alike.
"""

import re
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.people import age_band
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {
    "W": "Wut",
    "L": "Langeweile",
    "E": "Ekel",
    "A": "Angst",
    "F": "Freude",
    "T": "Trauer",
    "N": "neutral",
}
SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
"""Sex and age, from the corpus's own page."""

_NAME = re.compile(
    rf"(?P<speaker>{'|'.join(SPEAKERS)})(?P<text>[AB]\d\d)(?P<emotion>[{''.join(EMOTIONS)}])(?P<version>[A-Z]?)"
)


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker, sex, age (ten-year bands) and sentence.

    There is no split: ten actors are too few to hold two of them back, so folds by speaker do.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like 03a01Fa")
    actors = [file.parts["speaker"] for file in files]
    table = one_label(
        files,
        [EMOTIONS[file.parts["emotion"]] for file in files],
        EMOTIONS.values(),
        speaker=actors,
        sex=[SPEAKERS[actor][0] for actor in actors],
        age=[age_band(SPEAKERS[actor][1]) for actor in actors],
        sentence=[file.parts["text"].lower() for file in files],
        language="german",
    )
    return Prepared(table, len(files), notes)


RECIPE = Recipe(
    name="emodb",
    description="EmoDB (Berlin): 10 actors, 10 sentences",
    language="German",
    emotions=7,
    licence="not stated",
    citation="Burkhardt et al. (2005), Interspeech",
    clips={"intended": 535},
    read=read,
)
