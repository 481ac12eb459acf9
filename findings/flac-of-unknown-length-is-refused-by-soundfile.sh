#!/usr/bin/env bash
# One would have guessed: a flac whose header leaves the number of samples open (0 in STREAMINFO, RFC 9639 section 8.2:
# encoders that write to a pipe cannot go back to fill it in) is read like any other.
# What is so: soundfile takes 2^63 - 1 as the number of frames. `read` wants an array of that size (ValueError); `blocks`
# decodes everything and fails after its last block, since it seeks to where it already is. FFmpeg reads all samples.
# Versions: soundfile 0.13.1 (libsndfile 1.2.2), av 18.1.0 (its own FFmpeg). Date: 2026-11-28.
# Whom it matters to: whoever reads recordings that were piped into flac, by soundfile or librosa.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet numpy==2.2.6 soundfile==0.13.1 av==18.1.0
venv/bin/python - <<'PY'
import av, numpy as np, soundfile as sf

print("soundfile", sf.__version__, sf.__libsndfile_version__, "| av", av.__version__)
signal = (0.1 * np.random.default_rng(0).standard_normal(5 * 16_000)).astype(np.float32)
sf.write("known.flac", signal, 16_000)
content = bytearray(open("known.flac", "rb").read())
content[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
content[22:26] = bytes(4)
open("open.flac", "wb").write(content)


def told(read):
    try:
        return f"{read()} samples"
    except (ValueError, sf.LibsndfileError) as error:
        return f"{type(error).__name__}: {error}"


for name in ("known.flac", "open.flac"):
    read = told(lambda: len(sf.read(name)[0]))
    blocks = told(lambda: sum(len(block) for block in sf.blocks(name, blocksize=16_384)))
    with av.open(name) as file:
        there = sum(frame.samples for frame in file.decode(audio=0))
    print(f"{name}: frames {sf.info(name).frames}\n  read: {read}\n  blocks: {blocks}\n  FFmpeg: {there} samples")
    assert there == len(signal)
    assert (read == blocks == "80000 samples") == (name == "known.flac")
assert read.startswith("ValueError") and blocks.startswith("LibsndfileError")
PY
