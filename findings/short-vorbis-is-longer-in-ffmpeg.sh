#!/usr/bin/env bash
# One would have guessed: FFmpeg gives an Ogg Vorbis recording as long as it is. The granule position of its last page
# says where it ends within its last packet (Vorbis I specification, A.2), and in long recordings FFmpeg honours it.
# What is so: where all of the sound stands on one page (up to about 0.8 s at 16 kHz), the last packet is handed out
# whole: up to 192 samples (12 ms at 16 kHz) too many, of a recording of 100 samples more than twice as many.
# libsndfile ends where the header says.
# Versions: soundfile 0.13.1 (libsndfile 1.2.2), av 18.1.0 (its own FFmpeg). Date: 2026-11-28.
# Whom it matters to: corpora of short clips (interjections, words, bird calls) in .ogg: lengths, joins, alignments.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet numpy==2.2.6 soundfile==0.13.1 av==18.1.0
venv/bin/python - <<'PY'
import av, numpy as np, soundfile as sf

print("soundfile", sf.__version__, sf.__libsndfile_version__, "| av", av.__version__)
print("written  libsndfile  FFmpeg   (samples at 16 kHz)")
for length in (100, 3_000, 8_000, 20_000, 40_000):
    signal = (0.1 * np.random.default_rng(0).standard_normal(length)).astype(np.float32)
    sf.write("a.ogg", signal, 16_000, format="OGG", subtype="VORBIS")
    with av.open("a.ogg") as file:
        there = sum(frame.samples for frame in file.decode(audio=0))
    print(f"{length:7d}  {len(sf.read('a.ogg')[0]):10d}  {there:6d}")
    assert len(sf.read("a.ogg")[0]) == length
    assert (there > length) == (length <= 8_000)
PY
