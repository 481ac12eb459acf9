"""The page of a recording while that is heard, and all that can be taken along once it is."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.decoded.decode_stream import Opened
from emoclr.predict.output.annotations.forms import FORMS
from emoclr.predict.output.annotations.of_windows import annotations_of
from emoclr.predict.output.kept_windows import KeptWindows
from emoclr.predict.output.page.page_draft import PageDraft
from emoclr.predict.output.page.page_file import PageSettings
from emoclr.predict.output.page.recording_on_page import SOUND_MARK, recording_html
from emoclr.predict.output.page.recordings_page import paged_recording, write_recordings_page
from emoclr.predict.output.tables import Columns, as_lines, head
from emoclr.predict.run import remarks_on
from emoclr.predict.serve.answer import Network, check_readable
from emoclr.predict.serve.page.lines import Line
from emoclr.predict.stream.batches import Batch
from emoclr.predict.stream.parts import Pieces
from emoclr.predict.stream.remarks import Remark
from emoclr.predict.stream.rows import Over, RowKind, Window, item_lines

MIN_EVERY_S = 0.5
"""The page grows this often at most."""
_WORK_FOR_ONE = 9
"""Of ten parts of the work one at most goes into the page, however long that is."""

TABLES: dict[RowKind, str] = {"recording": ".csv", "segment": ".segments.csv", "window": ".timeline.csv"}


class Taken(NamedTuple):
    """A file to take along.

    Attributes:
        name: of the file.
        text: what it holds.
    """

    name: str
    text: str


class GrowingPage:
    """A recording on its way through the ensemble, drawn meanwhile.

    Args:
        network: what hears.
        name: of the recording, as it is shown.
        folder: in which the page is made.
        gate: name no emotion where nobody speaks.

    Attributes:
        path: of the page, once it is written.
    """

    def __init__(self, network: Network, name: str, folder: Path, *, gate: bool) -> None:
        self.path = folder / "page.html"
        self._network, self._gate = network, gate
        self._shown = [Path(name)]
        self._settings = PageSettings.of_card(network.card, "embed", Path(network.name).name)
        self._draft = PageDraft(self.path, embed=True)
        self._lines: list[bytes] = []
        self._remarks: list[Remark] = []
        self._heard_s = self._expected_s = self._drawn_s = 0.0

    def heard(self, pieces: Pieces) -> Pieces:
        """Yields the pieces of the recording as they come, and draws them meanwhile."""
        for number, piece in self._draft.heard(pieces):
            if isinstance(piece, Opened):
                self._expected_s = piece.samples / SAMPLE_RATE
            elif isinstance(piece, np.ndarray):
                self._drawn_s += len(piece) / SAMPLE_RATE
            yield number, piece

    def grow(self, batches: Iterable[Batch], tell: Callable[[Line], None], wanted: Callable[[], bool]) -> None:
        """Takes all batches; tells `so_far` in between, where that is wanted and takes little of the time."""
        next_s = 0.0
        for batch in batches:
            self._add(batch)
            if self._heard_s and not batch.ends and time.monotonic() >= next_s and wanted():
                began_s = time.thread_time()
                tell(self.so_far())
                took_s = time.thread_time() - began_s
                next_s = time.monotonic() + max(MIN_EVERY_S, _WORK_FOR_ONE * took_s)

    def so_far(self) -> Line:
        """Returns the part of the page that is the recording as far as it is heard, and how far that is."""
        of_s = max(self._expected_s, self._drawn_s, self._heard_s)
        (heard,) = self._kept([*self._lines, item_lines([Over(0, of_s)]).encode()]).recordings()
        nothing_yet = np.zeros((1, heard.probabilities.shape[1]))
        heard = replace(
            heard,
            moments_s=np.append(heard.moments_s, self._heard_s),
            probabilities=np.concatenate([heard.probabilities, nothing_yet]),
        )
        drawn = self._draft.under_way
        assert drawn is not None
        paged = paged_recording(heard, drawn.so_far(), self._shown[0], [], gated=self._gate)
        html = recording_html(0, paged, self._settings.emotions, self._settings.thresholds, sound=True)
        return {"section": html.replace(SOUND_MARK, ""), "heard_s": round(self._heard_s, 3), "of_s": round(of_s, 3)}

    def finish(self) -> list[Taken]:
        """Writes the page, and returns the other files that hold what was found.

        Raises:
            Refused: the recording could not be read.
        """
        check_readable(self._remarks)
        kept = self._kept(self._lines)
        write_recordings_page(
            self.path, kept, self._draft, self._settings, self._shown, self._remarks, gated=self._gate
        )
        return [*self._tables(), *self._annotations()]

    def _add(self, batch: Batch) -> None:
        self._lines += item_lines(batch.items).encode().splitlines()
        self._heard_s = max([self._heard_s, *(item.end_s for item in batch.items if isinstance(item, Window))])
        for end, *counts in batch.ends:
            self._remarks += remarks_on(self._shown[0], end, *counts)

    def _kept(self, lines: list[bytes]) -> KeptWindows:
        network = self._network
        return KeptWindows(lambda: lines, network.ensemble, network.card, self._shown, None, ())

    def _tables(self) -> Iterator[Taken]:
        for kind, ending in TABLES.items():
            columns = Columns.of(self._network.card, kind)
            rows = (as_lines(some, columns, "csv") for some in self._kept(self._lines).rows(kind))
            yield Taken(self._shown[0].stem + ending, head(columns, "csv") + "".join(rows))

    def _annotations(self) -> Iterator[Taken]:
        (annotation,) = annotations_of(self._kept(self._lines), self._shown, self._network.card.emotions)
        for form in FORMS.values():
            yield Taken(self._shown[0].stem + form.ending, form.text_of(annotation))
