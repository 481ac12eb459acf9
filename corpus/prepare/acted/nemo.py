"""nEMO: nine actors speak 90 Polish sentences in six emotions.

CC BY-NC-SA 4.0. Christop (2024), "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING. A name is
SPEAKER_EMOTION_SENTENCE, such as EB0_anger_1; not every actor has every sentence. Take the repository
(amu-cai/nEMO): the Parquet files of the Hugging Face copy hold recordings without names.
"""

import re
from pathlib import Path

from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.people import age_band
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
SPEAKERS = {
    "EB0": ("female", 27),
    "IC0": ("female", 28),
    "KD0": ("female", 28),
    "KS0": ("male", 23),
    "MK0": ("female", 23),
    "MP0": ("male", 24),
    "SM0": ("male", 24),
    "TP0": ("male", 26),
    "WR0": ("male", 23),
}
"""Sex and age, as in the corpus's data.tsv."""

_NAME = re.compile(
    rf"(?P<speaker>{'|'.join(SPEAKERS)})_(?P<emotion>{'|'.join(EMOTIONS).upper()})_(?P<sentence>[1-9]\d?)"
)


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker, sex, age (ten-year bands) and sentence.

    There is no split, neither a published one nor one by speaker: nine actors are for folds.

    Raises:
        EmoclrError: there are no clips.
    """
    files, notes = find_named(folder, _NAME, "like EB0_anger_1")
    actors = [file.parts["speaker"] for file in files]
    table = one_label(
        files,
        [file.parts["emotion"].lower() for file in files],
        EMOTIONS,
        speaker=actors,
        sex=[SPEAKERS[actor][0] for actor in actors],
        age=[age_band(SPEAKERS[actor][1]) for actor in actors],
        sentence=[f"sentence {file.parts['sentence']}" for file in files],
        language="polish",
    )
    return Prepared(table, len(files), notes)


RECIPE = Recipe(
    name="nemo",
    description="nEMO: 9 actors, 90 sentences",
    language="Polish",
    emotions=6,
    licence="CC BY-NC-SA 4.0",
    citation="Christop (2024), LREC-COLING",
    clips={"intended": 4_481},
    read=read,
)
