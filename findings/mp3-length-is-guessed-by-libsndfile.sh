#!/usr/bin/env bash
# One would have guessed: a decoder that opens an mp3 reads it to its last frame.
# What is so: without a Xing header libsndfile takes the number of frames from the file's size and the size of its
# first frame, and reading stops there. Encoders that write to a pipe leave such files. Of 3 s that begin with noise
# and end in silence, 0.54 s are heard, and nothing is raised. FFmpeg reads them to their end.
# Versions: soundfile 0.13.1 (libsndfile 1.2.2), av 18.1.0 (its own FFmpeg). Date: 2026-11-28.
# Whom it matters to: whoever reads mp3 of recorders, web services or podcasts by soundfile, librosa or torchaudio's
# soundfile backend, and whoever trusts `SoundFile.frames`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet numpy==2.2.6 soundfile==0.13.1 av==18.1.0
venv/bin/python - <<'PY'
import av, numpy as np, soundfile as sf

print("soundfile", sf.__version__, sf.__libsndfile_version__, "| av", av.__version__)
signal = np.zeros(48_000, np.float32)
signal[:3_200] = 0.3 * np.random.default_rng(0).standard_normal(3_200)
sf.write("with.mp3", signal, 16_000, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
content = open("with.mp3", "rb").read()
open("without.mp3", "wb").write(content[content.index(content[:2], 2) :])  # the first frame is the Xing header
heard = len(sf.read("without.mp3")[0]) / 16_000
with av.open("without.mp3") as file:
    there = sum(frame.samples for frame in file.decode(audio=0)) / 16_000
print(f"written 3.00 s; libsndfile claims {sf.info('without.mp3').duration:.2f} s and reads {heard:.2f} s; FFmpeg {there:.2f} s")
assert sf.info("with.mp3").duration == 3.0
assert heard < 1.0 and 2.9 < there < 3.2
PY
