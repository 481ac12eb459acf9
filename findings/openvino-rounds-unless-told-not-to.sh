#!/usr/bin/env bash
# One would have guessed: OpenVINO computes a float32 network in float32, as ONNX Runtime does, and saves the weights that
# the network has.
# What is so: on processors with bf16 (AVX-512 BF16, AMX) it computes in bf16, and `openvino.save_model` writes weights in
# float16. Neither is told on the screen. On other processors the first does not show, so a network that was checked on
# one machine says something else on another: probabilities of an ensemble here were 0.03 apart, those of one of its
# networks 0.06.
# What stops it: `compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})` and
# `save_model(model, path, compress_to_fp16=False)`.
# Versions: openvino 2026.4.1, Python 3.11. Date: 2026-11-29.
# Whom it matters to: who compares a network in OpenVINO with PyTorch or ONNX Runtime, or sets thresholds on one machine
# for another.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv v && v/bin/pip install --quiet numpy==2.2.6
v/bin/pip install --quiet --no-deps openvino==2026.4.1 # without openvino-telemetry, which reports to Google
v/bin/python - <<'CODE'
import os
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

rng = np.random.default_rng(0)
weights, rows = rng.normal(size=(256, 256)).astype(np.float32), rng.normal(size=(4, 256)).astype(np.float32)
exact = rows.astype(np.float64) @ weights.astype(np.float64)
given = ops.parameter([-1, 256], np.float32)
core, model = ov.Core(), ov.Model([ops.matmul(given, ops.constant(weights), False, False)], [given])


def error(model, **how):
    return float(np.abs(core.compile_model(model, "CPU", how)(rows)[0] - exact).max())


single = {"INFERENCE_PRECISION_HINT": "f32"}
ov.save_model(model, "plain.xml")
ov.save_model(model, "whole.xml", compress_to_fp16=False)
errors = {name: error(core.read_model(f"{name}.xml"), **single) for name in ("plain", "whole")}
has_bf16 = bool({"avx512_bf16", "amx_bf16"} & set(Path("/proc/cpuinfo").read_text().split()))
print(f"processor with bf16: {has_bf16}; largest error of sums up to {np.abs(exact).max():.0f}")
print(f"as it is: {error(model):.2g}; told f32: {error(model, **single):.2g}")
print(f"saved: {os.path.getsize('plain.bin')} bytes, {errors['plain']:.2g}; compress_to_fp16=False: "
      f"{os.path.getsize('whole.bin')} bytes, {errors['whole']:.2g}")
assert (error(model) > 1e-2) == has_bf16 and error(model, **single) < 1e-4
assert os.path.getsize("whole.bin") == 2 * os.path.getsize("plain.bin") and errors["plain"] > 1e-3 > 1e-4 > errors["whole"]
CODE
