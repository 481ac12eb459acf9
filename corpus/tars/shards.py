"""A corpus written as sharded tars, which training reads in one pass from any disk or store."""

import glob
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import write_text
from emoclr.configs.messages import by_reason, count_of, readable
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError, decode_waveform, read_waveform
from emoclr.corpus.audio.file_kinds import AUDIO_SUFFIXES
from emoclr.corpus.audio.samples import SILENT_PEAK_DB, is_silent, to_int16
from emoclr.corpus.clips.sources import set_aside_by
from emoclr.corpus.clips.speaker_groups import shuffled_groups
from emoclr.corpus.labels.label_table import SPLITS
from emoclr.corpus.labels.tables.column_names import Given
from emoclr.corpus.parallel.engines import Engine
from emoclr.corpus.tars.source_clips import SourceClip, find_source_clips
from emoclr.corpus.tars.tar import TarCard, is_tar, read_card, write_card, write_tar

Form = Literal["flac", "original"]

MAX_CLIP_S = 60.0
"""A longer recording becomes several clips: a view of seconds should not cost the reading of hours."""

SPEAKER_GROUP = 16
"""Clips of one speaker that follow each other, so that a batch can hold several wherever reading begins."""

_FORMAT_VERSION = 1
"""Goes into every plan; another form of the tars gets another number."""

_SEED = 0
_FLAC_BYTES_PER_S = 16_000


@dataclass(frozen=True)
class TarNames:
    """Names of numbered tars: `folder/prefix000000.tar`."""

    folder: Path
    prefix: str
    digits: int

    @classmethod
    def from_pattern(cls, out: Path) -> "TarNames":
        """Returns the names of a pattern such as `corpus-%06d.tar`, or of `corpus-%06d.tar` in a folder.

        Raises:
            ConfigError: the name of a tar has no place for its number.
        """
        if not is_tar(out):
            return cls(out, "corpus-", 6)
        found = re.fullmatch(r"([^%{}]*)%0([1-9])d\.tar", out.name)
        if not found:
            raise ConfigError(
                f"{out}: has no place for the tars' numbers; write such as {out.parent / 'corpus-%06d.tar'}"
            )
        return cls(out.parent, found[1], int(found[2]))

    def path(self, number: int) -> Path:
        """Returns where a tar goes."""
        return self.folder / f"{self.prefix}{number:0{self.digits}}.tar"

    def braces(self, count: int) -> str:
        """Returns the first `count` tars in brace notation."""
        return f"{self.folder / self.prefix}{{{0:0{self.digits}}..{count - 1:0{self.digits}}}}.tar"

    def numbered_from(self, first: int) -> list[Path]:
        """Returns the tars that exist with this or a higher number."""
        found = (
            (path, path.name[len(self.prefix) : -len(".tar")])
            for path in self.folder.glob(f"{glob.escape(self.prefix)}*.tar")
        )
        return sorted(path for path, number in found if number.isdecimal() and int(number) >= first)


@dataclass(frozen=True)
class _TarPlan:
    """One tar to be written, of pieces of one split; `made_of` is a digest of what its content follows from."""

    path: Path
    pieces: list[SourceClip]
    made_of: str


def write_shards(
    sources: Sequence[Path],
    out: Path,
    engine: Engine,
    form: Form,
    shard_mb: float,
    columns: Given | None = None,
) -> list[Path]:
    """Writes recordings as sharded tars with their cards, and returns the tars.

    The same recordings make the same bytes. Tars that an earlier run finished are kept, so the same command goes on
    where that one stopped. Clips are shuffled, in groups of one speaker; no tar mixes splits.

    Args:
        sources: folders of audio, files, an index or labels.csv.
        out: a folder, or a pattern such as `corpus-%06d.tar`.
        engine: what runs the work.
        form: `flac` for 16 kHz mono, `original` for the files as they are.
        shard_mb: about how many MB of recordings a tar should hold.
        columns: columns of tables by their meaning, where their names do not tell it.

    Raises:
        ConfigError: a source does not exist, or the pattern has no place for the number.
        EmoclrError: a tar cannot be written, or every recording is set aside.
    """
    names = TarNames.from_pattern(out)
    plans = list(_plans(find_source_clips(sources, columns), names, form, shard_mb))
    todo = [plan for plan in plans if not _finished(plan)]
    if len(todo) < len(plans):
        say(f"{len(plans) - len(todo):,} of {count_of(len(plans), 'tar')} finished before")
    tasks = [_EncodeTask(piece, form) for plan in todo for piece in plan.pieces]
    encoded = track(engine.run(_encode, tasks, _path_of, _lost), "writing tars", total=len(tasks))
    for plan in todo:
        _write(plan, islice(encoded, len(plan.pieces)))
    _report(plans, names, set_aside_by(sources))
    return [plan.path for plan in plans]


class _EncodeTask(NamedTuple):
    piece: SourceClip
    form: Form


class _EncodedClip(NamedTuple):
    """What goes into a tar: members `key.ending` and `key.json`; the length is at 16 kHz."""

    key: str
    ending: str
    content: bytes
    n_samples: int


def _encode(task: _EncodeTask) -> list[_EncodedClip] | str:
    """Returns the clips that a piece becomes, or the reason why there are none."""
    try:
        return list(_clips(*task))
    except AudioError as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)


def _path_of(task: _EncodeTask) -> Path:
    return task.piece.path


def _lost(task: _EncodeTask, reason: str) -> list[_EncodedClip] | str:
    return reason


def _write(plan: _TarPlan, encoded: Iterable[list[_EncodedClip] | str]) -> None:
    """Writes one tar, then its card: a tar that has one is finished."""
    set_aside: list[tuple[str, str]] = []
    lengths: list[int] = []

    def members() -> Iterator[tuple[str, bytes]]:
        for piece, clips in zip(plan.pieces, encoded, strict=True):
            if isinstance(clips, str):
                set_aside.append((readable(piece.name), clips))
                continue
            for clip in clips:
                lengths.append(clip.n_samples)
                yield f"{clip.key}.{clip.ending}", clip.content
                yield f"{clip.key}.json", _about(piece, clip.n_samples)

    digest = write_tar(plan.path, members())
    card = TarCard(
        clips=len(lengths),
        duration_s=round(sum(lengths) / SAMPLE_RATE, 3),
        size_bytes=plan.path.stat().st_size,
        digest=digest,
        split=plan.pieces[0].split,
        speakers=sorted({piece.speaker for piece in plan.pieces if piece.speaker is not None}),
        made_of=plan.made_of,
        set_aside=set_aside,
    )
    write_card(plan.path, card)


def _clips(piece: SourceClip, form: Form) -> Iterator[_EncodedClip]:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(piece.name).stem)[:60]
    identity = json.dumps([piece.name, piece.start_s, piece.end_s]).encode()
    key = f"{stem}-{hashlib.blake2b(identity, digest_size=6).hexdigest()}"
    ending = piece.path.suffix.lower()
    if form == "original" and ending in AUDIO_SUFFIXES and not piece.start_s and piece.end_s is None:
        content = piece.path.read_bytes()
        samples = len(_with_sound(piece, decode_waveform(content, piece.path)))
        yield _EncodedClip(key, ending[1:], content, samples)
        return
    waveform = _with_sound(piece, read_waveform(piece.path, piece.start_s, piece.end_s))
    parts = np.array_split(to_int16(waveform), -(-len(waveform) // round(MAX_CLIP_S * SAMPLE_RATE)))
    for number, part in enumerate(parts):
        yield _EncodedClip(key if len(parts) == 1 else f"{key}-{number:04d}", "flac", _flac(part), len(part))


def _with_sound(piece: SourceClip, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    if is_silent(np.abs(waveform).max()):
        raise AudioError(piece.path, f"silent, no sample above {SILENT_PEAK_DB:g} dBFS")
    return waveform


def _flac(samples: NDArray[np.int16]) -> bytes:
    import soundfile as sf

    content = io.BytesIO()
    sf.write(content, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return content.getvalue()


def _about(piece: SourceClip, n_samples: int) -> bytes:
    about: dict[str, object] = {"source": piece.name, "duration_s": round(n_samples / SAMPLE_RATE, 4)}
    about |= {name: value for name in ("speaker", "split", "labels") if (value := getattr(piece, name)) is not None}
    if piece.start_s or piece.end_s is not None:
        about |= {"start_s": piece.start_s, "end_s": piece.end_s}
    return json.dumps(about, sort_keys=True).encode()


def _plans(pieces: Sequence[SourceClip], names: TarNames, form: Form, shard_mb: float) -> Iterator[_TarPlan]:
    """Yields the tars to be: no tar mixes splits, each is full at about `shard_mb`."""
    rng = np.random.default_rng(_SEED)
    number = 0
    for split in (None, *SPLITS):
        members = [piece for piece in pieces if piece.split == split]
        codes = {name: code for code, name in enumerate(dict.fromkeys(piece.speaker for piece in members))}
        speakers = np.array([-1 if piece.speaker is None else codes[piece.speaker] for piece in members], np.int64)
        ordered = [members[row] for row in shuffled_groups(speakers, SPEAKER_GROUP, rng)]
        stamps = [_stamp(piece) for piece in ordered]
        before = np.cumsum([0, *(stamp[0] for stamp in stamps)])[:-1] // (shard_mb * 1_000_000)
        for _, rows in groupby(range(len(ordered)), key=lambda row: before[row]):
            held = []
            digest = hashlib.blake2b(json.dumps([_FORMAT_VERSION, form]).encode(), digest_size=16)
            for row in rows:
                held.append(ordered[row])
                digest.update(json.dumps([*ordered[row][1:], stamps[row]]).encode())
            yield _TarPlan(names.path(number), held, digest.hexdigest())
            number += 1


def _stamp(piece: SourceClip) -> tuple[int, int]:
    """Returns about how many bytes a piece takes, and when its file changed; zeros where there is none."""
    try:
        status = piece.path.stat()
    except OSError:
        return 0, 0
    size = status.st_size if piece.end_s is None else round((piece.end_s - piece.start_s) * _FLAC_BYTES_PER_S)
    return size, status.st_mtime_ns


def _finished(plan: _TarPlan) -> bool:
    try:
        card = read_card(str(plan.path))
        return card is not None and card.made_of == plan.made_of and plan.path.stat().st_size == card.size_bytes
    except (EmoclrError, OSError):
        return False


def _report(plans: Sequence[_TarPlan], names: TarNames, before: Sequence[tuple[str, str]]) -> None:
    """Says what was written, and what was set aside: by the tars, and `before` by an index."""
    cards = [card for plan in plans if (card := read_card(str(plan.path)))]
    set_aside = [*before, *(row for card in cards for row in card.set_aside)]
    if set_aside:
        place = names.folder / f"{names.prefix}set-aside.txt"
        write_text(place, "".join(f"{name}: {reason}\n" for name, reason in set_aside))
        total = len(before) + sum(len(plan.pieces) for plan in plans)
        say(f"{len(set_aside):,} of {count_of(total, 'recording')} set aside, named in {place}:")
        for line in by_reason(set_aside):
            say(line)
    for left in names.numbered_from(len(plans)):
        say(f"warning: {left} is of an earlier, longer run and not of this corpus; delete it")
    clips, hours = sum(card.clips for card in cards), sum(card.duration_s for card in cards) / 3600
    if not clips:
        raise EmoclrError(f"the tars in {names.folder} hold no clip: every recording was set aside")
    size_mb = sum(card.size_bytes for card in cards) / 1e6
    whole = f"{count_of(clips, 'clip')}, {hours:.2f} h, {size_mb:,.0f} MB in {count_of(len(cards), 'tar')}"
    say(f"{whole}; train on {'it' if len(cards) == 1 else 'them'} with")
    say(f"  data='{names.braces(len(plans))}'")
