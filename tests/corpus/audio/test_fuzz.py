"""Damaged files of every form: each is decoded, in part or whole, or set aside; no crash, no hang, no unbounded memory.

1,000 mutants by default; `EMOCLR_FUZZ=100000` for more, `EMOCLR_FUZZ_SEED=7` for others; what became of them is told.
"""

import functools
import os
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import emoclr.corpus.audio.formats.ffmpeg  # so that what it takes is not counted as a mutant's
import emoclr.corpus.parallel.pool
from emoclr.corpus.audio.decoder import AudioError, Recording, inspect_audio
from emoclr.corpus.parallel.processes import each_in_processes

ASKED = os.environ.get("EMOCLR_FUZZ")
MUTANTS = max(1_000, int(ASKED or "0"))
SEED = int(os.environ.get("EMOCLR_FUZZ_SEED", "0"))
SECONDS_A_FILE = 60.0
MEMORY_BYTES = (2 << 30) + (256 << 20)
"""What a decoder may take beyond what its process has: FFmpeg zeroes up to 2 GB where a header claims so much."""
ADDRESS_BYTES = 2 * MEMORY_BYTES

KINDS = ("decoded", "partial", "set aside")


class Mutant(NamedTuple):
    """A damaged file to be made: of which form, from which seed, and where."""

    folder: Path
    form: str
    seed: int

    @property
    def path(self) -> Path:
        return self.folder / f"{self.seed}.{self.form}"


class Verdict(NamedTuple):
    """What became of a mutant: one of `KINDS`, with the reason, or a fault; what it took.

    Bytes are those of its process beyond what that had at its start.
    """

    kind: str
    detail: str
    seconds: float = 0.0
    taken_bytes: int = 0


@functools.cache
def original(path: Path) -> bytes:
    return path.read_bytes()


def flip_a_bit(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] ^= 1 << chance.randrange(8)


def replace_a_byte(data: bytearray, at: int, chance: random.Random) -> None:
    data[at] = chance.choice([0x00, 0x01, 0x7F, 0x80, 0xFF])


def replace_a_field(data: bytearray, at: int, chance: random.Random) -> None:
    bits = chance.choice([16, 32, 64])
    value = chance.choice([0, 1, 2**bits - 1, 2 ** (bits - 1), 2 ** (bits - 1) - 1, chance.getrandbits(bits)])
    data[at : at + bits // 8] = value.to_bytes(bits // 8, chance.choice(["little", "big"]))


def cut_out(data: bytearray, at: int, chance: random.Random) -> None:
    del data[at : at + chance.randint(1, max(1, len(data) // 4))]


def insert_noise(data: bytearray, at: int, chance: random.Random) -> None:
    data[at:at] = chance.randbytes(chance.randint(1, 64))


def insert_a_copy(data: bytearray, at: int, chance: random.Random) -> None:
    first = chance.randrange(len(data))
    data[at:at] = data[first : first + chance.randint(1, 256)]


def truncate(data: bytearray, at: int, chance: random.Random) -> None:
    del data[at:]


def zero(data: bytearray, at: int, chance: random.Random) -> None:
    length = min(chance.randint(1, 512), len(data) - at)
    data[at : at + length] = bytes(length)


def turn_around(data: bytearray, at: int, chance: random.Random) -> None:
    data[:] = data[at:] + data[:at]


def append_a_part(data: bytearray, at: int, chance: random.Random) -> None:
    data += data[at:] if chance.random() < 0.5 else data[:at]


WAYS: list[Callable[[bytearray, int, random.Random], None]] = [
    flip_a_bit,
    replace_a_byte,
    replace_a_field,
    cut_out,
    insert_noise,
    insert_a_copy,
    truncate,
    zero,
    turn_around,
    append_a_part,
]


OGG_CHECKSUM = [0] * 256
for byte in range(256):
    OGG_CHECKSUM[byte] = byte << 24
    for _ in range(8):
        OGG_CHECKSUM[byte] = (OGG_CHECKSUM[byte] << 1 ^ (0x04C11DB7 if OGG_CHECKSUM[byte] >> 31 else 0)) & 0xFFFFFFFF


def with_right_checksums(data: bytes) -> bytes:
    """Returns Ogg pages with the checksums that they should have (RFC 3533): others are passed over unread."""
    pages = bytearray(data)
    at = pages.find(b"OggS")
    while 0 <= at <= len(pages) - 27:
        end = at + 27 + pages[at + 26] + sum(pages[at + 27 : at + 27 + pages[at + 26]])
        pages[at + 22 : at + 26] = bytes(4)
        checksum = 0
        for byte in pages[at:end]:
            checksum = (checksum << 8 & 0xFFFFFFFF) ^ OGG_CHECKSUM[checksum >> 24 ^ byte]
        pages[at + 22 : at + 26] = checksum.to_bytes(4, "little")
        at = pages.find(b"OggS", at + 4)
    return bytes(pages)


def mutate(content: bytes, form: str, seed: int) -> bytes:
    """Returns a file damaged in one to eight ways, at its head, at its end (where an mp4 has its index) or anywhere."""
    chance = random.Random(f"{form} {seed}")
    mutant = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        if mutant:
            size = len(mutant)
            first, end = chance.choice([(0, 128), (0, 128), (0, 1024), (size - 1024, size), (0, size)])
            chance.choice(WAYS)(mutant, chance.randrange(max(0, first), min(size, end)), chance)
    return with_right_checksums(mutant) if content[:4] == b"OggS" and chance.random() < 0.8 else bytes(mutant)


@functools.cache
def limit_memory() -> int:
    """Once a process: an allocation beyond the limit fails, so that the mutant which asked for it is known.

    Returns what the process has taken in memory, in bytes.
    """
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + ADDRESS_BYTES, held + ADDRESS_BYTES))
    return peak_bytes()


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def decode(mutant: Mutant) -> Verdict:
    """Makes the file and decodes it; it stays where it is a fault."""
    start, before = limit_memory(), peak_bytes()
    mutant.path.write_bytes(mutate(original(mutant.folder / mutant.form), mutant.form, mutant.seed))
    begin = time.perf_counter()
    kind, detail = verdict_on(mutant.path)
    taken = peak_bytes() - start
    if taken > MEMORY_BYTES and peak_bytes() > before:  # not an earlier one's
        kind, detail = "fault", f"{taken / 1e6:.0f} MB"
    if kind != "fault":
        mutant.path.unlink()
    return Verdict(kind, detail, time.perf_counter() - begin, taken)


def verdict_on(path: Path) -> tuple[str, str]:
    samples, peak = 0, 0.0
    try:
        inspect_audio(path)
        with Recording(path, path) as recording:
            for block in recording.blocks():
                samples += len(block)
                peak = max(peak, float(np.abs(block).max(initial=0.0)))
    except AudioError as error:
        faulty = not error.reason or "memory" in error.reason or "malloc" in error.reason
        return "fault" if faulty else "set aside", error.reason
    except Exception as error:
        return "fault", repr(error)
    if not (samples and peak <= 1.0):
        return "fault", "the waveform is empty, not finite or beyond full scale"
    return "partial" if recording.partial else "decoded", recording.partial


def give_up(mutant: Mutant, reason: str) -> Verdict:
    return Verdict("fault", reason)


@pytest.fixture(scope="module")
def originals(tmp_path_factory, formats, write_as) -> Path:
    """A folder with a quarter of a second in each of the formats."""
    folder = tmp_path_factory.mktemp("fuzz")
    for form in formats:
        times = np.arange(form.rate // 4) / form.rate
        noise = 0.05 * np.random.default_rng(0).standard_normal(len(times))
        write_as(folder / form.name, form, (0.5 * np.sin(2 * np.pi * 440 * times) + noise).astype(np.float32))
    return folder


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit of memory is Linux's")
def test_every_mutant_is_decoded_or_set_aside(originals, formats, monkeypatch, capsys):
    # The processes import this file.
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "MIN_TIME_LIMIT_S", SECONDS_A_FILE)
    mutants = [Mutant(originals, formats[n % len(formats)].name, SEED + n) for n in range(MUTANTS)]
    verdicts = list(each_in_processes(decode, mutants, lambda mutant: mutant.path, give_up, workers=2))
    if ASKED:
        with capsys.disabled():
            print(*told(mutants, verdicts), sep="\n")
    faults = [
        f"{mutant.path}: {verdict.detail}"
        for mutant, verdict in zip(mutants, verdicts, strict=True)
        if verdict.kind == "fault"
    ]
    assert not faults, "\n".join(
        [f"{len(faults)} of {MUTANTS} mutants; the files are kept, named by their seeds:", *faults]
    )
    # Were all of them set aside, or none, the mutations would be too strong or too weak to say anything.
    readers = {form.name: form.reader for form in formats}
    for reader in set(readers.values()):
        became = Counter(
            verdict.kind for mutant, verdict in zip(mutants, verdicts, strict=True) if readers[mutant.form] == reader
        )
        assert all(became[kind] > 0.05 * became.total() for kind in KINDS), (reader, became)


def told(mutants: list[Mutant], verdicts: list[Verdict]) -> Iterator[str]:
    """Yields in lines what became of the mutants."""
    became = Counter(verdict.kind for verdict in verdicts)
    yield f"\n{len(verdicts):,} mutants of {len({mutant.form for mutant in mutants})} forms: " + ", ".join(
        f"{count:,} {kind}" for kind, count in became.most_common()
    )
    slowest = max(range(len(verdicts)), key=lambda number: verdicts[number].seconds)
    yield f"longest {verdicts[slowest].seconds:.2f} s ({mutants[slowest].form}, seed {mutants[slowest].seed})"
    yield f"most memory of a process {max(verdict.taken_bytes for verdict in verdicts) / 1e6:.0f} MB above its start"
    reasons = Counter(verdict.detail for verdict in verdicts if verdict.kind == "fault")
    yield from (f"{count:,} times: {reason}" for reason, count in reasons.most_common())


def test_the_checksums_are_those_of_the_encoder(originals):
    for name in ("a.ogg", "a.opus", "flac.ogg"):
        assert with_right_checksums(original(originals / name)) == original(originals / name)


def test_a_mutant_is_made_again_from_its_seed_and_differs_from_the_next(originals):
    content = original(originals / "a.flac")
    assert mutate(content, "a.flac", 1) == mutate(content, "a.flac", 1)
    assert len({mutate(content, "a.flac", seed) for seed in range(200)}) > 190


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit is Linux's")
def test_a_decoder_that_takes_too_much_memory_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    tasks = [tmp_path / str(number) for number in range(70)]
    verdicts = list(each_in_processes(take_memory, tasks, Path, lambda _, reason: reason, workers=2))
    assert verdicts == ["no more memory"] * len(tasks)


def take_memory(_: Path) -> str:
    limit_memory()
    try:
        return f"has {np.empty(2 * ADDRESS_BYTES, dtype=np.uint8).nbytes}"
    except MemoryError:
        return "no more memory"
