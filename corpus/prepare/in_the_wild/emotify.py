"""Emotify: 400 minutes of music in four genres, and which of nine emotions each listener felt.

No licence is stated; the authors ask to be cited. Aljanaki, Wiering and Veltkamp (2016), "Studying emotion induced by
music through a crowdsourcing game", Information Processing and Management 52(1). Emotions are those of the Geneva
Emotional Music Scale; a listener ticked at most three. They say what was felt, not what the music expresses.

`data.csv` has a row for each listener and track. Tracks are numbered 1 to 400, recordings 1 to 100 in the folder of
their genre: genre and number modulo 100 join them, which also fits copies whose files carry the track's number.
"""

import re
from collections import defaultdict
from pathlib import Path

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import some
from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import vote_shares
from emoclr.corpus.prepare.tables import find_table, read_published

EMOTIONS = (
    "amazement",
    "solemnity",
    "tenderness",
    "nostalgia",
    "calmness",
    "power",
    "joyful_activation",
    "tension",
    "sadness",
)
GENRES = ("classical", "electronic", "pop", "rock")
TRACKS_A_GENRE = 100

_NAME = re.compile(rf"(?:.*/)?(?P<genre>{'|'.join(GENRES).upper()})/(?P<number>\d+)")


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a track: for each emotion the share of listeners who felt it, and the genre.

    There are no speakers and no split: artists are not published, so that one artist may be on both sides of a fold.

    Raises:
        EmoclrError: there are no tracks, no data.csv, another table of that name, or no track with listeners.
    """
    files, notes = find_named(folder, _NAME, "like classical/1.mp3", whole_path=True)
    path = find_table(folder, "data.csv")
    if path is None:
        raise EmoclrError(f"{folder}: no data.csv in it, which holds what listeners felt")
    listeners = _listeners(path)
    keys = [_key(file.parts["genre"], int(file.parts["number"])) for file in files]
    heard = [(file, key) for file, key in zip(files, keys, strict=True) if key in listeners]
    if not heard:
        raise EmoclrError(f"{path}: knows none of {len(files)} tracks in {folder}")
    unheard = [file.name for file, key in zip(files, keys, strict=True) if key not in listeners]
    if unheard:
        notes.append(f"{len(unheard)} tracks left out that data.csv has no listeners of: {some(unheard)}")
    tracks, found = [file for file, _ in heard], {key for _, key in heard}
    votes = [listeners[key] for _, key in heard]
    counts = sorted(len(people) for people in votes)
    notes.append(f"{counts[0]} to {counts[-1]} listeners a track, {counts[len(counts) // 2]} in the middle")
    table = vote_shares(tracks, votes, EMOTIONS, genre=[file.parts["genre"].lower() for file in tracks])
    missing = [f"{genre}/{number}" for genre, number in sorted(set(listeners) - found)]
    return Prepared(table, len(files), notes, missing)


def _listeners(path: Path) -> dict[tuple[str, int], list[list[str]]]:
    """Returns for each genre and number what each listener felt."""
    rows = read_published(path, ["track id", "genre", *EMOTIONS], "Emotify")
    felt = rows[list(EMOTIONS)].eq(1).to_numpy()
    listeners = defaultdict(list)
    for track, genre, ticks in zip(rows["track id"], rows["genre"], felt, strict=True):
        words = [word for word, tick in zip(EMOTIONS, ticks, strict=True) if tick]
        listeners[_key(str(genre), int(track))].append(words)
    return dict(listeners)


def _key(genre: str, number: int) -> tuple[str, int]:
    return genre.strip().lower(), (number - 1) % TRACKS_A_GENRE + 1


RECIPE = Recipe(
    name="emotify",
    description="Emotify: music in 4 genres, emotions felt by listeners",
    language="music",
    emotions=9,
    licence="not stated, citation asked for",
    citation="Aljanaki, Wiering and Veltkamp (2016), Information Processing and Management 52(1)",
    clips={"votes": 400},
    read=read,
)
