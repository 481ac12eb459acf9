"""What tells a voice from silence and from other sounds: Silero VAD at several thresholds, webrtcvad, energy alone.

    pip install webrtcvad-wheels
    python benchmarks/timeline/gate.py CREMA_D EMOGATOR ESC10

Each is a folder of recordings: read speech, vocal bursts, sounds of which folders are the classes. Speech and bursts
are heard alone and with rain, sea, a helicopter, a fire or a chainsaw at some signal-to-noise ratios. Loud are moments
of 32 ms within 20 dB of the loudest of the clean clip, quiet those 30 dB below it that have 0.3 s of the same on both
sides. A clip is lost where less than a quarter of its loud moments is kept. All gates get the same padding of 0.1 s.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import webrtcvad
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

import emoclr.corpus.audio.voice as voice
from emoclr.corpus.audio.decoder import SAMPLE_RATE, read_waveform
from emoclr.corpus.audio.samples import to_int16
from emoclr.corpus.index.audio_files import find_audio

NOISES = ("Rain", "Sea waves", "Helicopter", "Fire crackling", "Chainsaw")
PEOPLE = ("Baby cry", "Person sneeze")
SNRS_DB = (None, 10, 0)
WEBRTC_BYTES = 960
"""30 ms of 16 bits, the most it takes at once."""

Mask = NDArray[np.bool_]
Waveform = NDArray[np.float32]


class Clip(NamedTuple):
    """What gates see of a clip, frame by frame, and its level without noise."""

    probabilities: NDArray[np.float32]
    level_db: NDArray[np.float64]
    webrtc: Mask
    clean_db: NDArray[np.float64]


def silero(on: float, off: float) -> Callable[[Clip], Mask]:
    def gate(clip: Clip) -> Mask:
        before = voice.ON, voice.OFF
        voice.ON, voice.OFF = on, off
        found = voice.voiced_frames(clip.probabilities)
        voice.ON, voice.OFF = before
        return found

    return gate


def padded(mask: Mask) -> Mask:
    found: Mask = binary_dilation(mask, iterations=voice.PADDING_FRAMES)
    return found


GATES: dict[str, Callable[[Clip], Mask]] = {
    **{
        f"silero-vad, on {on}, off {off}": silero(on, off)
        for on, off in ((0.5, 0.35), (0.2, 0.1), (0.1, 0.05), (0.05, 0.03))
    },
    "webrtcvad, mode 1": lambda clip: padded(clip.webrtc),
    "energy over -45 dBFS": lambda clip: padded(clip.level_db >= -45),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("crema_d", "emogator", "esc10"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--clips", type=int, default=150, help="of each folder and ratio")
    arguments = parser.parse_args()
    sounds = {path: path.parent.name for path in find_audio([arguments.esc10])}
    noises = [read_waveform(path) for path, kind in sounds.items() if kind.endswith(NOISES)]
    noises = [noise for noise in noises if np.abs(noise).max() > 0.01]
    columns: dict[str, dict[str, str]] = {}
    for name, folder in (("CREMA-D", arguments.crema_d), ("EmoGator", arguments.emogator)):
        paths = np.random.default_rng(0).permutation([str(path) for path in find_audio([folder])])[: arguments.clips]
        for snr_db in SNRS_DB:
            clips = list(heard([read_waveform(Path(path)) for path in paths], noises, snr_db))
            columns[f"{name}{'' if snr_db is None else f', {snr_db} dB'}"] = {
                gate: kept(clips, GATES[gate]) for gate in GATES
            }
    for name, are_people in (("ESC-10, no people", False), ("ESC-10, baby cry and sneeze", True)):
        some = [read_waveform(path) for path, kind in sounds.items() if kind.endswith(PEOPLE) == are_people]
        clips = [clip for clip in heard(some, [], None) if clip.level_db.max() > -60]
        columns[name] = {
            gate: f"{np.mean([GATES[gate](clip)[clip.level_db > -60].mean() for clip in clips]):.2f}" for gate in GATES
        }
    print("|".join(["| ", *columns, ""]))
    print("| --- " * (1 + len(columns)) + "|")
    for gate in GATES:
        print("|".join(["", gate, *(column[gate] for column in columns.values()), ""]))
    waveform = np.resize(np.concatenate(noises), 600 * SAMPLE_RATE)
    begin = time.process_time()
    voice.voice_probabilities(waveform)
    print(f"\nsilero-vad: {6 * (time.process_time() - begin):.1f} s of CPU an hour")


def heard(waveforms: list[Waveform], noises: list[Waveform], snr_db: float | None) -> Iterator[Clip]:
    for number, clean in enumerate(waveforms):
        waveform = clean
        if snr_db is not None:
            noise = np.resize(noises[np.random.default_rng(number).integers(len(noises))], len(clean))
            power = np.mean(np.square(clean)) / np.mean(np.square(noise)) / 10 ** (snr_db / 10)
            waveform = (clean + noise * np.sqrt(power)).astype(np.float32)
        frames = framed(waveform)
        gate = webrtcvad.Vad(1)
        webrtc = [gate.is_speech(to_int16(frame).tobytes()[:WEBRTC_BYTES], SAMPLE_RATE) for frame in frames]
        yield Clip(voice.voice_probabilities(waveform), level(frames), np.array(webrtc), level(framed(clean)))


def framed(waveform: Waveform) -> Waveform:
    return np.pad(waveform, (0, -len(waveform) % voice.FRAME_SAMPLES)).reshape(-1, voice.FRAME_SAMPLES)


def level(frames: Waveform) -> NDArray[np.float64]:
    found: NDArray[np.float64] = 10 * np.log10(np.square(frames, dtype=np.float64).mean(1) + 1e-12)
    return found


def kept(clips: list[Clip], gate: Callable[[Clip], Mask]) -> str:
    """Returns the shares of loud moments kept, of clips lost and of quiet moments removed."""
    loud_kept, lost, quiet_removed = [], [], []
    for clip in clips:
        loud = clip.clean_db >= max(clip.clean_db.max() - 20, -55)
        quiet = ~binary_dilation(clip.clean_db >= clip.clean_db.max() - 30, iterations=9)
        found = gate(clip)
        if loud.any():
            loud_kept.append(found[loud])
            lost.append(found[loud].mean() < 0.25)
        quiet_removed.append(~found[quiet])
    return f"{np.concatenate(loud_kept).mean():.2f} / {np.mean(lost):.2f} / {np.concatenate(quiet_removed).mean():.2f}"


if __name__ == "__main__":
    main()
