"""Damaged files of every form: each is decoded or set aside; no crash, no hang, no unbounded memory.

2,000 mutants by default; `EMOCLR_FUZZ=100000` for more, `EMOCLR_FUZZ_SEED=7` for others.
"""

import functools
import io
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile as sf

import emoclr.corpus.parallel.pool
from emoclr.corpus.audio.decoder import AudioError, inspect_audio, read_waveform
from emoclr.corpus.parallel.processes import each_in_processes

MUTANTS = max(1_000, int(os.environ.get("EMOCLR_FUZZ", "2000")))
SEED = int(os.environ.get("EMOCLR_FUZZ_SEED", "0"))
SECONDS_A_FILE = 60.0
MEMORY_BYTES = 512 << 20
"""What a decoder may take beyond what its process has; the files are a few kB."""


class Form(NamedTuple):
    """What libsndfile writes; some of it only for one channel, or at one rate."""

    container: str
    subtype: str
    channels: int = 2
    rate: int = 22_050


FORMS = {
    "wav": Form("WAV", "PCM_16"),
    "float.wav": Form("WAV", "FLOAT"),
    "ulaw.wav": Form("WAV", "ULAW"),
    "ima.wav": Form("WAV", "IMA_ADPCM"),
    "ms.wav": Form("WAV", "MS_ADPCM"),
    "gsm.wav": Form("WAV", "GSM610", channels=1),
    "g721.wav": Form("WAV", "G721_32", channels=1),
    "nms.wav": Form("WAV", "NMS_ADPCM_16", channels=1, rate=8_000),
    "extensible.wav": Form("WAVEX", "PCM_24"),
    "rf64": Form("RF64", "PCM_16"),
    "w64": Form("W64", "PCM_16"),
    "ima.w64": Form("W64", "IMA_ADPCM"),
    "flac": Form("FLAC", "PCM_16"),
    "ogg": Form("OGG", "VORBIS"),
    "opus": Form("OGG", "OPUS", rate=16_000),
    "mp3": Form("MP3", "MPEG_LAYER_III"),
    "aiff": Form("AIFF", "PCM_16"),
    "ima.aifc": Form("AIFF", "IMA_ADPCM"),
    "dwvw.aifc": Form("AIFF", "DWVW_16", channels=1),
    "au": Form("AU", "PCM_16"),
    "g723.au": Form("AU", "G723_40", channels=1),
    "caf": Form("CAF", "PCM_16"),
    "alac.caf": Form("CAF", "ALAC_16"),
    "sph": Form("NIST", "ALAW"),
    "voc": Form("VOC", "PCM_16"),
    "avr": Form("AVR", "PCM_16"),
    "sf": Form("IRCAM", "PCM_16"),
    "paf": Form("PAF", "PCM_24"),
    "pvf": Form("PVF", "PCM_16"),
    "svx": Form("SVX", "PCM_16", channels=1),
    "wve": Form("WVE", "ALAW", channels=1, rate=8_000),
}


class Mutant(NamedTuple):
    """A damaged file to be made: of which form, from which seed, and where."""

    folder: Path
    form: str
    seed: int

    @property
    def path(self) -> Path:
        return self.folder / f"{self.seed}.{self.form}"


class Verdict(NamedTuple):
    """What became of a mutant: "decoded", "set aside" with its reason, or a fault."""

    kind: str
    detail: str


@functools.cache
def original(form: str) -> bytes:
    container, subtype, channels, rate = FORMS[form]
    times = np.arange(rate // 4) / rate
    noise = 0.05 * np.random.default_rng(0).standard_normal(len(times))
    both = np.stack([0.5 * np.sin(2 * np.pi * 440 * times) + noise, 0.3 * np.sin(2 * np.pi * 700 * times)], axis=1)
    file = io.BytesIO()
    sf.write(file, both[:, :channels], rate, subtype, format=container)
    return file.getvalue()


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


WAYS: list[Callable[[bytearray, int, random.Random], None]] = [
    flip_a_bit,
    replace_a_byte,
    replace_a_field,
    cut_out,
    insert_noise,
    insert_a_copy,
    truncate,
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


def mutate(form: str, seed: int) -> bytes:
    """Returns a file of this form damaged in one to eight ways, more often than not in its header."""
    chance = random.Random(f"{form} {seed}")
    mutant = bytearray(original(form))
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        if mutant:
            reach = min(len(mutant), 128) if chance.random() < 0.6 else len(mutant)
            chance.choice(WAYS)(mutant, chance.randrange(reach), chance)
    return with_right_checksums(mutant) if form in ("ogg", "opus") and chance.random() < 0.8 else bytes(mutant)


@functools.cache
def limit_memory() -> None:
    """Once a process: an allocation beyond the limit fails, so that the mutant which asked for it is known."""
    if sys.platform == "linux":
        import resource

        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY_BYTES, held + MEMORY_BYTES))


def decode(mutant: Mutant) -> Verdict:
    """Makes the file and decodes it; it stays where anything but a waveform or an AudioError comes of it."""
    limit_memory()
    mutant.path.write_bytes(mutate(mutant.form, mutant.seed))
    verdict = verdict_on(mutant.path)
    if verdict.kind != "fault":
        mutant.path.unlink()
    return verdict


def verdict_on(path: Path) -> Verdict:
    try:
        inspect_audio(path)
        waveform = read_waveform(path)
    except AudioError as error:
        faulty = not error.reason or "memory" in error.reason or "malloc" in error.reason
        return Verdict("fault" if faulty else "set aside", error.reason)
    except Exception as error:
        return Verdict("fault", repr(error))
    if not (waveform.size and np.abs(waveform).max() <= 1.0):
        return Verdict("fault", "the waveform is empty, not finite or beyond full scale")
    return Verdict("decoded", "")


def give_up(mutant: Mutant, reason: str) -> Verdict:
    return Verdict("fault", reason)


def test_every_mutant_is_decoded_or_set_aside(tmp_path, monkeypatch):
    # The processes import this file.
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    monkeypatch.setattr(emoclr.corpus.parallel.pool, "MIN_TIME_LIMIT_S", SECONDS_A_FILE)
    forms = list(FORMS)
    mutants = [Mutant(tmp_path, forms[n % len(forms)], SEED + n) for n in range(MUTANTS)]
    verdicts = list(each_in_processes(decode, mutants, lambda mutant: mutant.path, give_up, workers=2))
    faults = [
        f"{mutant.path}: {verdict.detail}"
        for mutant, verdict in zip(mutants, verdicts, strict=True)
        if verdict.kind == "fault"
    ]
    assert not faults, "\n".join(
        [f"{len(faults)} of {MUTANTS} mutants; the files are kept, named by their seeds:", *faults]
    )
    # Were all of them set aside, or none, the mutations would be too strong or too weak to say anything.
    for form in forms:
        of_form = [verdict.kind for mutant, verdict in zip(mutants, verdicts, strict=True) if mutant.form == form]
        assert {"decoded", "set aside"} == set(of_form), form


def test_the_checksums_are_those_of_the_encoder():
    for form in ("ogg", "opus"):
        assert with_right_checksums(original(form)) == original(form)


def test_a_mutant_is_made_again_from_its_seed_and_differs_from_the_next():
    assert mutate("flac", 1) == mutate("flac", 1)
    assert len({mutate("flac", seed) for seed in range(200)}) > 190


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_decoder_that_takes_too_much_memory_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    tasks = [tmp_path / str(number) for number in range(70)]
    verdicts = list(each_in_processes(take_memory, tasks, Path, lambda _, reason: reason, workers=2))
    assert verdicts == ["no more memory"] * len(tasks)


def take_memory(_: Path) -> str:
    limit_memory()
    try:
        return f"has {np.empty(2 * MEMORY_BYTES, dtype=np.uint8).nbytes}"
    except MemoryError:
        return "no more memory"
