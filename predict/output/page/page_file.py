"""The page as a file: recordings are put into it one by one, and at the end the list of all before them."""

import base64
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO

from emoclr.configs.files import write_atomically
from emoclr.configs.messages import count_of, readable
from emoclr.evaluate.figures.theme import DARK, LIGHT, Theme
from emoclr.evaluate.report.writers.page import address_of, render_page
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.predict.output.page.page_path import GENERATOR, Sound
from emoclr.predict.output.page.recording_on_page import (
    SOUND_MARK,
    PagedRecording,
    Summary,
    json_in_script,
    recording_html,
)
from emoclr.predict.output.screen import clock, part_of

FOLDER = Path(__file__).parent
TEMPLATE = FOLDER / "page.html.jinja"
SCRIPTS = ("drawing.js", "page.js")
RECORDINGS_MARK = "<!-- recordings -->"
MAX_TOLD = 8
"""Emotions that are told above all recordings."""
_BLOCK = 3 << 18
"""Bytes of sound at a time; a multiple of three, so that base64 of blocks is that of the whole."""


def as_sentence(said: str) -> str:
    """Returns what a card says without a capital and a full stop, since a name stands before it elsewhere, with both.

    >>> as_sentence("trained on acted speech"), as_sentence("Learned from synthetic voices.")
    ('Trained on acted speech.', 'Learned from synthetic voices.')
    """
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith('.') else '.'}"


@dataclass(frozen=True)
class PageSettings:
    """What a page tells of all its recordings.

    Attributes:
        emotions: all that are looked for.
        thresholds: of each; None where the likeliest one is named.
        sound: in the page, beside it, or left out.
        limits: what the answers are not good for, and what forbids conclusions from them.
        notes: what else there is to say of them.
        heard_by: name of the ensemble that gave them; empty where the page names it elsewhere.
    """

    emotions: Sequence[str]
    thresholds: Sequence[float] | None
    sound: Sound
    limits: Sequence[str] = ()
    notes: Sequence[str] = ()
    heard_by: str = ""

    @classmethod
    def of_card(cls, card: EnsembleCard, sound: Sound, heard_by: str = "") -> "PageSettings":
        """Returns those of the answers of an ensemble."""
        limits = [as_sentence(said) for said in card.limited]
        return cls(card.emotions, None if card.single_label else card.thresholds, sound, limits, card.notes, heard_by)

    def for_script(self) -> dict[str, object]:
        """Returns what the page's scripts have to know."""
        return {
            "light": _colours(LIGHT),
            "dark": _colours(DARK),
            "thresholds": self.thresholds,
            "sound": self.sound != "none",
        }


def page_style() -> str:
    """Returns the look of recordings, which comes after that of all reports."""
    return (FOLDER / "page.css").read_text(encoding="utf-8").rstrip()


def page_script() -> str:
    """Returns what draws and plays recordings."""
    return "".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS).rstrip()


def page_part(
    number: int, found: PagedRecording, settings: PageSettings, out: Path, sound: IO[bytes] | None
) -> Iterator[bytes]:
    """Yields the part of a page that is a recording.

    Args:
        number: its place among the recordings that the page has.
        found: the recording.
        settings: of the page.
        out: the page; addresses of sounds beside it are seen from there.
        sound: mp3 that goes into the page.
    """
    html = recording_html(number, found, settings.emotions, settings.thresholds, sound=settings.sound != "none")
    before, after = html.split(SOUND_MARK)
    yield before.encode()
    if settings.sound == "link":
        yield f'<script type="text/plain" class="sound" data-src="{address_of(found.path, out)}"></script>'.encode()
    elif sound is not None:
        yield b'<script type="text/plain" class="sound">'
        while block := sound.read(_BLOCK):
            yield base64.b64encode(block)
        yield b"</script>"
    yield after.encode() + b"\n"


def write_page(
    out: Path,
    summaries: Sequence[Summary],
    settings: PageSettings,
    unreadable: Sequence[tuple[Path, str]],
    parts: Iterator[bytes],
) -> None:
    """Writes a page atomically.

    Args:
        out: where it goes.
        summaries: of all recordings that could be read, in their order.
        settings: of the page.
        unreadable: recordings that could not, and why.
        parts: what `page_part` yields of all recordings.
    """
    from markupsafe import Markup

    gated = any(one.voiced_s is not None for one in summaries)
    folder, names = without_folder([one.title for one in summaries])
    page = render_page(
        TEMPLATE,
        generator=GENERATOR,
        title="Which emotions, when",
        summary=_summary(summaries, settings.heard_by),
        answer=_answer(summaries, settings.emotions),
        limits=settings.limits,
        notes=settings.notes,
        sound=settings.sound != "none",
        gated=gated,
        thresholds=settings.thresholds,
        emotions=[readable(name) for name in settings.emotions],
        recordings=summaries,
        folder=folder,
        names=names,
        n_series=len(LIGHT.series),
        unreadable=[(readable(path), readable(reason)) for path, reason in unreadable],
        recordings_here=Markup(RECORDINGS_MARK),
        page_style=Markup(page_style()),
        script=Markup(page_script()),
        settings=json_in_script(settings.for_script()),
        clock=clock,
    )
    head, tail = page.split(RECORDINGS_MARK)

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head.encode())
            file.writelines(parts)
            file.write(tail.encode() + b"\n")

    write_atomically(out, write)


def _summary(summaries: Sequence[Summary], heard_by: str) -> str:
    told = f"{count_of(len(summaries), 'recording')}, {clock(sum(one.duration_s for one in summaries))}"
    voiced = [one.voiced_s for one in summaries if one.voiced_s is not None]
    speech = f", of which speech {clock(sum(voiced))}" if voiced else ""
    return f"{told}{speech}{heard_by and f'; heard by {readable(heard_by)}'}"


def _answer(summaries: Sequence[Summary], emotions: Sequence[str]) -> str:
    """Returns how long somebody speaks in which emotion in all recordings, the longest first."""
    seconds = {name: sum(one.named_s[place] for one in summaries) for place, name in enumerate(emotions)}
    voiced = [one.voiced_s for one in summaries if one.voiced_s is not None]
    spoken_s = sum(voiced) if voiced else sum(one.duration_s for one in summaries)
    found = sorted((name for name in emotions if seconds[name]), key=lambda name: -seconds[name])
    told = [f"{readable(name)} {part_of(seconds[name], spoken_s)}" for name in found[:MAX_TOLD]]
    rest = [f"and {len(found) - MAX_TOLD} more"] if len(found) > MAX_TOLD else []
    return ", ".join([*told, *rest]) or "No emotion reaches its threshold."


def without_folder(titles: Sequence[str]) -> tuple[str, list[str]]:
    """Returns the folder that paths have in common, empty where there is none, and the paths below it.

    >>> without_folder(["calls/may/1.wav", "calls/2.wav"])
    ('calls', ['may/1.wav', '2.wav'])
    """
    parts = [PurePath(title).parts for title in titles]
    same = itertools.takewhile(
        lambda folders: len(set(folders)) == 1, zip(*(each[:-1] for each in parts), strict=False)
    )
    common = [folder for folder, *_ in same]
    return str(PurePath(*common)) if common else "", [str(PurePath(*each[len(common) :])) for each in parts]


def _colours(theme: Theme) -> dict[str, object]:
    names = ("page", "text", "muted", "accent", "tint", "baseline")
    return {**{name: getattr(theme, name) for name in names}, "series": theme.series}
