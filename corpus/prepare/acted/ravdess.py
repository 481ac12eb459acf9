"""RAVDESS: 24 actors speak and sing two sentences in eight emotions, most of them at two intensities.

CC BY-NC-SA 4.0. Livingstone and Russo (2018), "The Ryerson Audio-Visual Database of Emotional Speech and Song
(RAVDESS)", PLoS ONE 13(5): e0196391. A name is seven numbers of two digits, modality to actor: 03-01-06-01-02-01-12.
Modality 03 is sound alone; what is named 01 or 02 was filmed and does not count here. Actor 18 did not sing.
"""

import re
from itertools import product
from pathlib import Path

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import count_of
from emoclr.corpus.prepare.named_files import find_named, missing_names
from emoclr.corpus.prepare.people import split_of
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
SUNG = ("01", "02", "03", "04", "05", "06")
"""The emotions of song; speech has all."""

CHANNELS = {"01": "speech", "02": "song"}
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}
"""Kids are talking by the door; dogs are sitting by the door."""

NEUTRAL = "01"
SILENT_SINGER = 18

_NAME = re.compile(
    r"03-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-(?P<repetition>0[12])"
    r"-(?P<actor>0[1-9]|1\d|2[0-4])"
)


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a clip: one-hot emotions, speaker, split, sex, channel, sentence and intensity.

    "speech" and "song" take what their names say, "all" both, with speech's emotions. Test actors are those whose
    number divides by 5, validation actors those that leave 1. Odd actors are men, even ones women.

    Raises:
        EmoclrError: there are no clips, or none of the channel asked for.
    """
    files, notes = find_named(folder, _NAME, "like 03-01-06-01-02-01-12")
    wanted = [code for code, channel in CHANNELS.items() if labels in (channel, "all")]
    clips = [file for file in files if file.parts["channel"] in wanted]
    if not clips:
        raise EmoclrError(f"{folder}: holds no {labels}, only {len(files):,} clips of the other kind")
    if len(clips) < len(files):
        notes.append(
            f"{count_of(len(files) - len(clips), 'clip')} left out that are not {labels}; --labels all takes them too"
        )
    actors = [int(file.parts["actor"]) for file in clips]
    table = one_label(
        clips,
        [EMOTIONS[file.parts["emotion"]] for file in clips],
        [EMOTIONS[code] for code in (SUNG if labels == "song" else EMOTIONS)],
        speaker=[file.parts["actor"] for file in clips],
        split=[split_of(actor) for actor in actors],
        sex=["male" if actor % 2 else "female" for actor in actors],
        channel=[CHANNELS[file.parts["channel"]] for file in clips],
        sentence=[STATEMENTS[file.parts["statement"]] for file in clips],
        intensity=[INTENSITIES[file.parts["intensity"]] for file in clips],
        language="english",
    )
    return Prepared(table, len(clips), notes, missing_names(clips, _published(wanted)))


def _published(channels: list[str]) -> list[str]:
    """Returns the names of all clips; there is no strong neutral."""
    return [
        f"03-{channel}-{emotion}-{intensity}-{statement}-{repetition}-{actor:02}"
        for actor, channel in product(range(1, 25), channels)
        if not (actor == SILENT_SINGER and CHANNELS[channel] == "song")
        for emotion in (SUNG if CHANNELS[channel] == "song" else EMOTIONS)
        for intensity in (("01",) if emotion == NEUTRAL else INTENSITIES)
        for statement, repetition in product(STATEMENTS, ("01", "02"))
    ]


RECIPE = Recipe(
    name="ravdess",
    description="RAVDESS: 24 actors speak and sing two sentences",
    language="English",
    emotions=8,
    licence="CC BY-NC-SA 4.0",
    citation="Livingstone and Russo (2018), PLoS ONE 13(5): e0196391",
    clips={"speech": 1_440, "song": 1_012, "all": 2_452},
    read=read,
)
