#!/usr/bin/env bash
# One would have guessed: the time stamp of a frame says at which sample it begins, so that a part of a recording can be
# read by seeking and counting from the frame that comes back, as in mp4.
# What is so: Matroska and WebM keep time stamps in whole milliseconds. At 44.1 kHz a frame is placed up to 0.5 ms (22
# samples) beside where it lies; a part that was sought differs from the same part of the whole, by a shift that changes
# from frame to frame. Only counting samples from the start is exact.
# Versions: av 18.1.0 (its own FFmpeg). Date: 2026-11-28.
# Whom it matters to: who cuts parts of .mkv, .mka or .webm by time stamps and expects sample accuracy.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet numpy==2.2.6 av==18.1.0
venv/bin/python - <<'PY'
from fractions import Fraction
import av, numpy as np

print("av", av.__version__)
signal = (0.1 * np.random.default_rng(0).standard_normal(3 * 44_100)).astype(np.float32)
for name in ("a.mka", "a.m4a"):
    with av.open(name, "w") as file:
        stream = file.add_stream("aac", rate=44_100, layout="mono")
        for first in range(0, len(signal), 1024):
            frame = av.AudioFrame.from_ndarray(signal[None, first : first + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44_100, first, Fraction(1, 44_100)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with av.open(name) as file:
        base = file.streams.audio[0].time_base
        told, counted, beside = None, 0, []
        for frame in file.decode(audio=0):
            at = frame.pts * base * 44_100
            told = at if told is None else told
            beside.append(abs(float(at - told - counted)))
            counted += frame.samples
    print(f"{name}: time base {base}, frames stand up to {max(beside):.1f} samples beside their time stamps")
    assert (max(beside) > 10) == (name == "a.mka")
PY
