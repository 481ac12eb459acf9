"""Pictures and sounds of recordings, kept beside the page until all are heard."""

import itertools
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from emoclr.corpus.audio.encode import open_mp3
from emoclr.corpus.audio.samples import INT16_FULL_SCALE
from emoclr.corpus.decoded.decode_stream import Ended, Piece
from emoclr.predict.output.page.page_path import draft_path
from emoclr.predict.output.page.sound_picture import Picture, SoundPicture

MP3_KBIT_S = 40
"""Of a sound in the page. With less, LAME has no room to tell players of its delay, and they would play 69 ms late."""


class PageDraft:
    """A folder beside the page, `page.html.draft`, into which recordings are drawn while they are decoded.

    So memory does not grow with their length or number, and what was drawn before a kill is there afterwards.

    Args:
        page: where the page goes.
        embed: keep the sound too, as mp3.

    Attributes:
        under_way: the picture of the recording that is decoded now; None before the first.
    """

    def __init__(self, page: Path, *, embed: bool) -> None:
        self.folder = draft_path(page)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._embed = embed
        self.under_way: SoundPicture | None = None

    def heard(self, pieces: Iterable[tuple[int, Piece]]) -> Iterator[tuple[int, Piece]]:
        """Yields the pieces of recordings as they come, and draws them meanwhile."""
        for number, group in itertools.groupby(pieces, key=lambda numbered: numbered[0]):
            yield from self._drawn(number, group)

    def picture(self, number: int) -> Picture:
        """Returns what was drawn of a recording."""
        with np.load(self._path(number, "npz")) as drawn:
            return Picture(float(drawn["column_s"]), drawn["peaks"], drawn["levels"])

    def sound(self, number: int) -> Path | None:
        """Returns where the mp3 of a recording is; None where sounds are not kept."""
        return self._path(number, "mp3") if self._embed else None

    def remove(self) -> None:
        """Removes all of it."""
        shutil.rmtree(self.folder)

    def _drawn(self, number: int, pieces: Iterable[tuple[int, Piece]]) -> Iterator[tuple[int, Piece]]:
        self.under_way = picture = SoundPicture()
        mp3 = open_mp3(self._path(number, "mp3"), MP3_KBIT_S) if self._embed else None
        for numbered in pieces:
            piece = numbered[1]
            if isinstance(piece, Ended):
                drawn = picture.finish()
                with self._path(number, "npz").open("wb") as file:
                    np.savez(file, column_s=drawn.column_s, peaks=drawn.peaks, levels=drawn.levels)
                if mp3:
                    mp3.close()
            elif isinstance(piece, np.ndarray):
                block = piece.astype(np.float32)
                if piece.dtype == np.int16:
                    block /= np.float32(INT16_FULL_SCALE)
                picture.push(block)
                if mp3:
                    mp3.write(block)
            yield numbered

    def _path(self, number: int, ending: str) -> Path:
        return self.folder / f"{number}.{ending}"
