"""What the opening of a corpus says on the screen: what was set aside, what is heard in part, and what is silent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.messages import by_reason, count_of, readable, some
from emoclr.corpus.audio.samples import SILENT_PEAK_DB


class Told(Protocol):
    """What is known of clips; see `WaveformStore`."""

    partial: dict[int, str]
    notes: dict[int, str]
    silent: NDArray[np.bool_]

    def __len__(self) -> int: ...

    def path(self, clip: int) -> Path:
        """Returns the recording of a clip."""


@dataclass
class Streamed:
    """What is known of recordings that were streamed; see `Told`.

    Attributes:
        paths: of all recordings.
        partial: what of a recording was not decoded, by its position, where there is something.
        notes: which channel or audio stream was chosen, and what was rescaled, likewise.
        silent: bool `(recordings,)`.
    """

    paths: Sequence[Path]
    partial: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    silent: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.silent = np.zeros(len(self.paths), dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, clip: int) -> Path:
        """Returns a recording."""
        return self.paths[clip]


def lines_about(store: Told) -> Iterator[str]:
    """Yields lines on what is not as one would think: of each kind how many clips, and examples.

    >>> class Store:
    ...     partial = {1: "breaks off: 2.00 of 3.00 s are there"}
    ...     notes = {0: "channel 2 of 2: the others hold next to nothing"}
    ...     silent = np.array([False, False, True])
    ...     def __len__(self): return 3
    ...     def path(self, clip): return Path(f"{clip}.wav")
    >>> print("\\n".join(lines_about(Store())))
    1 of 3 clips in part only:
      1.wav: breaks off: 2.00 of 3.00 s are there
    1 of 3 clips where a channel or a stream was chosen, or samples were rescaled:
      0.wav: channel 2 of 2: the others hold next to nothing
    1 of 3 clips silent, no sample above -60 dBFS: 2.wav
    """
    of_all = f"of {count_of(len(store), 'clip')}"
    for texts, what in (
        (store.partial, "in part only"),
        (store.notes, "where a channel or a stream was chosen, or samples were rescaled"),
    ):
        if texts:
            yield f"{len(texts):,} {of_all} {what}:"
            yield from by_reason([(readable(store.path(clip)), text) for clip, text in texts.items()])
    names = [readable(store.path(clip)) for clip in np.flatnonzero(store.silent).tolist()]
    if names:
        yield f"{len(names):,} {of_all} silent, no sample above {SILENT_PEAK_DB:g} dBFS: {some(names)}"
