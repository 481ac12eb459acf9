"""A table that grows row by row beside its place, so that work on it goes on after a kill, to the same bytes."""

import contextlib
import hashlib
import importlib.metadata
import itertools
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, NoReturn

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import parse_json
from emoclr.configs.messages import readable
from emoclr.corpus.parallel.locks import lock_file
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.folders import CARD, find_card
from emoclr.predict.output.out_path import form_of, part_path, state_path
from emoclr.predict.output.tables import Columns, as_lines, head, line_form, write_errors, write_parquet
from emoclr.predict.run import Progress
from emoclr.predict.stream.batches import Place
from emoclr.predict.stream.remarks import Remark
from emoclr.predict.stream.rows import Spoken, all_spoken, item_lines

SAVED_EVERY_S = 1.0
"""What a kill costs at most, beside the batch under way and what decoding up to the same place takes."""

_KIND = "unfinished predictions of emoclr, 2"

Work = dict[str, str]
"""What rows depend on, by the name that a message calls it."""


class UnfinishedTable:
    """Rows so far in `OUT.part`; in `OUT.state` a line for each time they were saved, which says how far that is.

    What follows the last whole line of the state is done again. Used as a context, which closes both files.

    Args:
        out: where the table will be.
        columns: its columns.
        work: what the rows depend on; rows of other work are never mixed with these.
        keeps_windows: what is written is made at the end, and until then `OUT.part` holds `item_lines`.

    Attributes:
        place: where to go on.
        recordings: how many were heard.
        rows: how many there are.
        saved_rows: how many of them a kill does not take.
        spoken: in the recordings that were heard.
        remarks: so far.

    Raises:
        ConfigError: there are rows of other work, another process writes them, or a file is not of `predict`.
        EmoclrError: the files cannot be written.
    """

    def __init__(self, out: Path, columns: Columns, work: Work, *, keeps_windows: bool = False) -> None:
        self.out, self._columns, self._keeps_windows = out, columns, keeps_windows
        self._form = "jsonl" if keeps_windows else line_form(form_of(out))
        self.part, self._state_path = part_path(out), state_path(out)
        self.place = Place()
        self.recordings = self.rows = 0
        self.spoken = self._all([])
        self.remarks: list[Remark] = []
        self.saved_rows = 0
        self._unsaved, self._told = "", 0
        self._saved_at = time.monotonic()
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._state: IO[bytes] = self._state_path.open("a+b")
            try:
                self._rows = self._open_rows(work)
            except BaseException:
                self._state.close()
                raise
        except OSError as error:
            raise EmoclrError(f"{readable(out)}: cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> "UnfinishedTable":
        return self

    def __exit__(self, *raised: object) -> None:
        with contextlib.suppress(OSError):  # of a full disk, which was told; what was saved is there
            self._rows.close()
        if not self.saved_rows and not self._told:  # nothing to go on from
            for path in (self.part, self._state_path):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._state.close()

    def add(self, found: Progress) -> None:
        """Adds rows and remarks, and saves all of them once a second."""
        if self._keeps_windows:
            self._unsaved += item_lines(found.items)
        else:
            self._unsaved += as_lines(found.rows, self._columns, self._form)
            self.spoken = self._all([self.spoken, *found.spoken])
        self.rows += len(found.rows)
        self.recordings += len(found.spoken)
        self.remarks += found.remarks
        self.place = found.place
        if time.monotonic() - self._saved_at >= SAVED_EVERY_S:
            self.save()

    def save(self) -> None:
        """Writes rows, and then how far they go.

        Raises:
            EmoclrError: the disk is full.
        """
        new = [[os.fspath(remark.path), remark.status, remark.reason] for remark in self.remarks[self._told :]]
        try:
            self._rows.write(self._unsaved.encode(errors="surrogateescape"))
            self._rows.flush()
            self._append(
                {
                    "bytes": self._rows.tell(),
                    "place": asdict(self.place),
                    "recordings": self.recordings,
                    "rows": self.rows,
                    "spoken": self.spoken,
                    "remarks": new,
                }
            )
        except OSError as error:
            raise EmoclrError(f"{readable(self.part)}: cannot be written: {error.strerror or error}") from error
        self._unsaved, self._told, self.saved_rows = "", len(self.remarks), self.rows
        self._saved_at = time.monotonic()

    def lines(self) -> Iterator[bytes]:
        """Yields the lines of `OUT.part`, those that are not saved yet left out."""
        with self.part.open("rb") as lines:
            yield from lines

    def finish(self, write: Callable[[], None] | None = None) -> None:
        """Puts the finished table in its place, with the table of errors beside it.

        Args:
            write: writes all that is made of windows, where these were kept.
        """
        self.save()
        write_errors(self.remarks, self.out)
        try:
            if write:
                write()
                self.part.unlink()
            elif form_of(self.out) == "parquet":
                write_parquet(self.lines(), self._columns, self.out)
                self.part.unlink()
            else:
                os.fsync(self._rows.fileno())
                self.part.replace(self.out)
            self._state_path.unlink()
        except OSError as error:
            raise EmoclrError(f"{readable(self.out)}: cannot be written: {error.strerror or error}") from error

    def _all(self, spoken: Sequence[Spoken]) -> Spoken:
        return all_spoken(spoken, len(self._columns.emotions))

    def _open_rows(self, work: Work) -> IO[bytes]:
        if lock_file(self._state) is False:
            raise ConfigError(f"{readable(self.out)}: another predict writes it; wait until it ends")
        self._state.seek(0)
        lines = [line for line in self._state if line.endswith(b"\n")]
        first = _parsed(lines[0]) if lines else {}
        if self._state.tell() and first.get("kind") != _KIND:
            self._refuse(self._state_path, "was not written by predict")
        if not self.part.exists():
            return self._begin(work)
        if not first:
            self._refuse(self.part, "was not written by predict")
        size = self.part.stat().st_size
        # A machine that loses power may have lost rows that were saved.
        saved = [*itertools.takewhile(lambda line: line.get("bytes", math.inf) <= size, map(_parsed, lines[1:]))]
        if not saved:
            return self._begin(work)
        before = first["work"]
        if others := [name for name in {**before, **work} if before.get(name) != work.get(name)]:
            self._refuse(self.part, f"holds rows of another command ({', '.join(others)} differ)")
        return self._go_on(saved, sum(map(len, lines[: 1 + len(saved)])))

    def _refuse(self, path: Path, why: str) -> NoReturn:
        raise ConfigError(f"{readable(path)}: {why}; give another --out, or remove this file to begin anew")

    def _begin(self, work: Work) -> IO[bytes]:
        self._state.truncate(0)
        self._append({"kind": _KIND, "work": work})
        rows = self.part.open("wb")
        if not self._keeps_windows:
            rows.write(head(self._columns, self._form).encode())
        return rows

    def _go_on(self, saved: Sequence[dict[str, Any]], state_bytes: int) -> IO[bytes]:
        latest = saved[-1]
        self.place = Place(**latest["place"])
        self.recordings, self.rows, self.spoken = latest["recordings"], latest["rows"], Spoken(*latest["spoken"])
        self.remarks = [Remark(Path(path), status, why) for each in saved for path, status, why in each["remarks"]]
        self._told, self.saved_rows = len(self.remarks), self.rows
        rows = self.part.open("r+b")
        rows.truncate(latest["bytes"])
        rows.seek(latest["bytes"])
        self._state.truncate(state_bytes)
        return rows

    def _append(self, line: dict[str, Any]) -> None:
        self._state.write(json.dumps(line).encode() + b"\n")
        self._state.flush()


def work_of(
    source: Path,
    card: EnsembleCard,
    paths: Sequence[Path],
    *,
    options: dict[str, str],
    device: str,
    speakers: Sequence[str] | None = None,
) -> Work:
    """Returns what rows depend on.

    Args:
        source: folder of the ensemble; its cards hold digests of all weights.
        card: of the ensemble.
        paths: the recordings.
        options: what else the command was told, by name.
        device: where the network runs.
        speakers: of the recordings, where these are heard against their own.
    """
    cards = [find_card(source), *(source / member / CARD for member in card.members)]
    work = work_by(cards, paths, options, device)
    if speakers is not None:
        work["--speaker"] = hashlib.sha256("\0".join(speakers).encode(errors="surrogateescape")).hexdigest()
    return work


def work_by(cards: Sequence[Path], paths: Sequence[Path], options: dict[str, str], device: str) -> Work:
    """Returns what the work of networks depends on; their cards hold digests of all weights."""
    return {
        "the version of emoclr": importlib.metadata.version("emoclr"),
        "the ensemble": hashlib.sha256(b"\0".join(path.read_bytes() for path in cards)).hexdigest(),
        "the recordings": _digest_of_files(paths),
        **options,
        "the device": device,
    }


def _digest_of_files(paths: Sequence[Path]) -> str:
    """Returns a digest of the names of files, their sizes and times of change."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        try:
            found = path.stat()
            state = f"{found.st_size} {found.st_mtime_ns}"
        except OSError:
            state = "-"
        digest.update(os.fsencode(path) + f"\0{state}\0".encode())
    return digest.hexdigest()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = parse_json(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
