"""Embeddings that grow row by row beside their place, so that work on them goes on after a kill, to the same bytes."""

import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import parse_json, write_text
from emoclr.configs.messages import readable
from emoclr.corpus.parallel.locks import lock_file
from emoclr.predict.output.embedding_file import RecordFile, record_type, write_embeddings
from emoclr.predict.output.out_path import part_path, state_path
from emoclr.predict.output.tables import write_errors
from emoclr.predict.output.unfinished import SAVED_EVERY_S, Work
from emoclr.predict.stream.remarks import Remark
from emoclr.pretrain.encoder.streamed_windows import EmbeddedRow, EmbeddingPlace

_KIND = "unfinished embeddings of emoclr, 1"


class UnfinishedEmbeddings:
    """Rows so far in `OUT.part`, records of one length; `OUT.state` says how far they go, and what they are of.

    Used as a context, which closes the file.

    Args:
        out: where the embeddings will be.
        work: what they depend on; rows of other work are never mixed with these.

    Attributes:
        place: where to go on.
        rows: how many there are.
        saved_rows: how many of them a kill does not take.
        remarks: so far.

    Raises:
        ConfigError: there are rows of other work, another process writes them, or a file is not of `predict`.
        EmoclrError: the files cannot be written.
    """

    def __init__(self, out: Path, work: Work) -> None:
        self.out, self.part, self._state_path = out, part_path(out), state_path(out)
        self._work = work
        self.place, self.remarks = EmbeddingPlace(), list[Remark]()
        self.rows = self.saved_rows = self._features = 0
        self._unsaved: list[bytes] = []
        self._worth_going_on = False
        self._saved_at = time.monotonic()
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            begins = not self.part.exists()
            self._file = self.part.open("a+b")
        except OSError as error:
            raise EmoclrError(f"{readable(out)}: cannot be written: {error.strerror or error}") from error
        try:
            if lock_file(self._file) is False:
                raise ConfigError(f"{readable(out)}: another predict writes it; wait until it ends")
            self._go_on(begins)
        except BaseException:
            self._file.close()
            if begins:
                self.part.unlink()
            raise

    def __enter__(self) -> "UnfinishedEmbeddings":
        return self

    def __exit__(self, *raised: object) -> None:
        if not self._worth_going_on:
            for path in (self.part, self._state_path):
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()

    def add(self, rows: Sequence[EmbeddedRow], remarks: Sequence[Remark], place: EmbeddingPlace) -> None:
        """Adds rows and remarks, and saves all of them once a second."""
        for row in rows:
            self._features = len(row.embedding)
            self._unsaved.append(np.array([tuple(row)], record_type(self._features)).tobytes())
        self.rows += len(rows)
        self.remarks += remarks
        self.place = place
        if time.monotonic() - self._saved_at >= SAVED_EVERY_S:
            self.save()

    def save(self) -> None:
        """Writes rows, and then how far they go.

        Raises:
            EmoclrError: the disk is full.
        """
        totals = {
            name: None if total is None else total.tolist()
            for name, total in (("total", self.place.total), ("total_voiced", self.place.total_voiced))
        }
        state = {
            "kind": _KIND,
            "work": self._work,
            "features": self._features,
            "rows": self.rows,
            "place": asdict(self.place) | totals,
            "remarks": [[os.fspath(remark.path), remark.status, remark.reason] for remark in self.remarks],
        }
        try:
            self._file.write(b"".join(self._unsaved))
            self._file.flush()
        except OSError as error:
            raise EmoclrError(f"{readable(self.part)}: cannot be written: {error.strerror or error}") from error
        write_text(self._state_path, json.dumps(state))
        self._unsaved, self.saved_rows = [], self.rows
        self._worth_going_on = bool(self.place.recording or self.place.windows)
        self._saved_at = time.monotonic()

    def finish(self, paths: Sequence[Path]) -> None:
        """Puts the finished file in its place, if it has rows, with the table of errors beside it.

        Args:
            paths: the recordings.
        """
        self.save()
        write_errors(self.remarks, self.out)
        if self.rows:
            write_embeddings(RecordFile(self.part, self._features, paths), self.out)
        self._worth_going_on = False

    def _go_on(self, begins: bool) -> None:
        """Begins where the saved rows end."""
        there = self._state_path.exists()
        state = _parsed(self._state_path) if there else {}
        if there and state.get("kind") != _KIND:
            self._refuse(self._state_path, "was not written by predict --embeddings")
        size = self.part.stat().st_size
        if size and not state:
            self._refuse(self.part, "was not written by predict --embeddings")
        row_bytes = record_type(state.get("features", 0)).itemsize
        # A machine that loses power may have lost rows that were saved.
        if begins or not state or size < state["rows"] * row_bytes:
            self._file.truncate(0)
            self.save()
            return
        before = state["work"]
        if others := [name for name in {**before, **self._work} if before.get(name) != self._work.get(name)]:
            self._refuse(self.part, f"holds embeddings of another command ({', '.join(others)} differ)")
        totals = {name: state["place"][name] for name in ("total", "total_voiced")}
        self.place = EmbeddingPlace(
            **state["place"] | {name: None if total is None else np.array(total) for name, total in totals.items()}
        )
        self.rows = self.saved_rows = state["rows"]
        self._features = state["features"]
        self.remarks = [Remark(Path(path), status, why) for path, status, why in state["remarks"]]
        self._worth_going_on = True
        self._file.truncate(self.rows * row_bytes)

    def _refuse(self, path: Path, why: str) -> NoReturn:
        raise ConfigError(f"{readable(path)}: {why}; give another --embeddings, or remove this file to begin anew")


def _parsed(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
