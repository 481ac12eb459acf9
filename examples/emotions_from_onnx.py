"""Emotions over time by the file that `predict export` writes; needs numpy, soundfile and onnxruntime alone.

python emotions_from_onnx.py emotions.onnx recording.wav
"""

import json
import os
import sys

import numpy as np
import soundfile

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it reports to Microsoft
import onnxruntime

model, recording = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
facts = session.get_modelmeta().custom_metadata_map
emotions, thresholds, alone = (json.loads(facts[name]) for name in ("emotions", "thresholds", "single_label"))
rate = int(facts["sample_rate"])
channels, found_rate = soundfile.read(recording, dtype="float32", always_2d=True)
if found_rate != rate:
    sys.exit(f"{recording}: has {found_rate} Hz; convert it first: ffmpeg -i {recording} -ar {rate} converted.wav")
waveform = channels.mean(axis=1)

window, hop = (round(float(facts[name]) * rate) for name in ("window_s", "hop_s"))
rest = max(0, len(waveform) - window)
starts = np.minimum(np.arange(-(-rest // hop) + 1) * hop, rest)  # the last window ends with the recording
fill = {"zero": "constant", "repeat": "wrap", "reflect": "symmetric"}[facts["short"]]
filled = np.pad(waveform, (0, max(0, window - len(waveform))), mode=fill)
print("start_s", "end_s", *emotions, "emotions", sep=",")
for start in starts:
    (found,) = session.run(None, {"waveforms": filled[None, start : start + window]})[0]  # (emotions,)
    over = [found.argmax()] if alone else np.flatnonzero(found >= thresholds)
    times = start / rate, min(start + window, len(waveform)) / rate
    print(*(f"{value:.4f}" for value in (*times, *found)), ";".join(emotions[number] for number in over), sep=",")
