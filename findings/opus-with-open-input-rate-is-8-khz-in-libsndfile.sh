#!/usr/bin/env bash
# One would have guessed: the field "input sample rate" of an Ogg Opus header is a note on the original (RFC 7845,
# section 5.1: 0 means unspecified, and decoding is at 48 kHz whatever it says).
# What is so: libsndfile decodes at the lowest rate that holds it. 0 becomes 8 kHz: all above 4 kHz is gone, the file
# claims to be 8 kHz, and nothing is raised.
# Versions: soundfile 0.13.1 (libsndfile 1.2.2). Date: 2026-11-28.
# Whom it matters to: corpora of Opus from encoders that leave the field open, read by soundfile or librosa.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet numpy==2.2.6 soundfile==0.13.1 av==18.1.0
venv/bin/python - <<'PY'
import struct
import av, numpy as np, soundfile as sf

print("soundfile", sf.__version__, sf.__libsndfile_version__, "| av", av.__version__)


def page_checksum(page):
    """CRC-32 of Ogg: polynomial 0x04c11db7, not reflected, from 0."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


signal = 0.3 * np.sin(2 * np.pi * 6_000 * np.arange(48_000) / 48_000)
sf.write("known.opus", signal, 48_000, format="OGG", subtype="OPUS")
content = bytearray(open("known.opus", "rb").read())
length = 27 + content[26] + sum(content[27 : 27 + content[26]])  # of the first page, which holds the header alone
head = content.index(b"OpusHead")
struct.pack_into("<I", content, head + 12, 0)
struct.pack_into("<I", content, 22, 0)
struct.pack_into("<I", content, 22, page_checksum(content[:length]))
open("open.opus", "wb").write(content)
for name in ("known.opus", "open.opus"):
    samples, rate = sf.read(name)
    with av.open(name) as file:
        frames = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
    print(f"{name}: libsndfile {rate} Hz, rms {np.std(samples):.3f}; FFmpeg 48000 Hz, rms {np.std(np.concatenate(frames)):.3f}")
    if name == "open.opus":
        assert rate == 8_000 and np.std(samples) < 0.01 < 0.2 < np.std(np.concatenate(frames))
    else:
        assert rate == 48_000 and np.std(samples) > 0.2
PY
