"""IEMOCAP: ten actors in five sessions of two, 10,039 turns, each heard by three evaluators and more.

By agreement with its publishers (USC SAIL), for research. Busso et al. (2008), "IEMOCAP: Interactive emotional dyadic
motion capture database", Language Resources and Evaluation 42(4). A turn's recording is Ses01F_impro01_F000: session,
who wore the markers, dialogue, and who speaks, which is the second F or M. What was heard is in
dialog/EmoEvaluation/*.txt: a line for the turn with the emotion that most agreed on, then one for each evaluator, who
could name several (C-E1 and on; C-F1 and C-M1 are the actors' views of themselves and do not count here).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emoclr.configs.errors import EmoclrError
from emoclr.configs.messages import count_of, some
from emoclr.corpus.prepare.named_files import find_named
from emoclr.corpus.prepare.recipe import Prepared, Recipe
from emoclr.corpus.prepare.rows import one_label, vote_shares

EMOTIONS = {
    "ang": "Anger",
    "dis": "Disgust",
    "exc": "Excited",
    "fea": "Fear",
    "fru": "Frustration",
    "hap": "Happiness",
    "neu": "Neutral",
    "sad": "Sadness",
    "sur": "Surprise",
}
"""Code of what most agreed on to the word that evaluators chose; "oth" is another emotion, "xxx" no agreement."""

WORDS = {word.lower(): word for word in EMOTIONS.values()} | {"neutral state": "Neutral"}
OTHER = "other"
SEXES = {"F": "female", "M": "male"}
KINDS = {"I": "improvised", "S": "scripted"}

_NAME = re.compile(
    r"SES(?P<session>0[1-5])(?P<markers>[FM])_(?P<dialogue>(?P<kind>[IS])(?:MPRO|CRIPT)\d\d\w*?)"
    r"_(?P<voice>[FM])(?P<turn>\d{3})"
)
_TURN = re.compile(r"\[[\d.]+ - [\d.]+\]\s+(?P<name>\S+)\s+(?P<emotion>\w+)")
_VOTE = re.compile(r"C-E\d+:\s*(?P<words>[^()]*)")


@dataclass(frozen=True)
class _Heard:
    """What most agreed on, in three letters, and the words that each evaluator named."""

    emotion: str
    votes: list[list[str]] = field(default_factory=list)


def read(folder: Path, labels: str) -> Prepared:
    """Returns one row a turn: emotions, speaker, sex, session, kind of dialogue and the agreed emotion.

    "votes" are shares: of the evaluators of a turn, how many named each emotion, one or several. "consensus" is the
    emotion that most agreed on, one-hot; turns without one are left out. `original` has its code, xxx for none.
    There is no split: ten speakers are for folds. The usual protocol holds one session back; `session` says which.

    Raises:
        EmoclrError: there are no recordings of turns, or no evaluations of them.
    """
    files, notes = find_named(folder, _NAME, "like Ses01F_impro01_F000")
    heard = dict(_evaluations(folder))
    unknown = [file.path.name for file in files if file.name not in heard]
    if unknown:
        notes.append(f"{count_of(len(unknown), 'turn')} left out that no file of EmoEvaluation has: {some(unknown)}")
    turns = [file for file in files if file.name in heard]
    if not turns:
        raise EmoclrError(f"{folder}: no file in a folder EmoEvaluation has any of its {len(files):,} turns")
    found, turns_here = len(turns), {file.name for file in turns}
    if labels == "consensus":
        turns = [file for file in turns if heard[file.name].emotion in EMOTIONS]
        notes.append(f"{count_of(found - len(turns), 'turn')} left out, without an emotion that most agreed on")
    else:
        turns = [file for file in turns if heard[file.name].votes]
        strange = sorted({w for file in turns for vote in heard[file.name].votes for w in vote} - {*WORDS, OTHER})
        if strange:
            notes.append(f"words that are no emotion here count as a vote for none: {some(strange)}")
        if len(turns) < found:
            notes.append(f"{count_of(found - len(turns), 'turn')} left out, without a vote")
    if not turns:
        raise EmoclrError(f"{folder}: none of its {found:,} turns has {labels}")
    codes = [heard[file.name].emotion for file in turns]
    columns = {
        "speaker": [f"Ses{file.parts['session']}{file.parts['voice']}" for file in turns],
        "sex": [SEXES[file.parts["voice"]] for file in turns],
        "session": [f"Ses{file.parts['session']}" for file in turns],
        "dialogue": [KINDS[file.parts["kind"]] for file in turns],
        "language": "english",
    }
    if labels == "consensus":
        table = one_label(turns, [EMOTIONS[code] for code in codes], EMOTIONS.values(), **columns)
        table["original"] = codes
    else:
        votes = [[[WORDS[w] for w in vote if w in WORDS] for vote in heard[file.name].votes] for file in turns]
        table = vote_shares(turns, votes, EMOTIONS.values(), original=codes, **columns)
    return Prepared(table, found, notes, sorted(set(heard) - turns_here))


def _evaluations(folder: Path) -> Iterator[tuple[str, _Heard]]:
    """Yields each turn's name, in capitals, and what was heard in it."""
    for path in sorted(folder.rglob("EmoEvaluation/*.txt")):
        if path.name.startswith("."):  # macOS leaves ._ files beside the published ones
            continue
        heard: _Heard | None = None
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if turn := _TURN.match(line):
                heard = _Heard(turn["emotion"])
                yield turn["name"].upper(), heard
            elif heard is not None and (vote := _VOTE.match(line)):
                words = [word.strip().lower() for word in vote["words"].split(";")]
                heard.votes.append([word for word in words if word])


RECIPE = Recipe(
    name="iemocap",
    description="IEMOCAP: 10 actors in dialogue, several evaluators a turn",
    language="English",
    emotions=9,
    licence="by agreement, research",
    citation="Busso et al. (2008), Language Resources and Evaluation 42(4)",
    clips={"votes": 10_039, "consensus": 10_039},
    read=read,
)
