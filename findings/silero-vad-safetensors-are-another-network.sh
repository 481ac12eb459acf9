#!/usr/bin/env bash
# One would have guessed: the files in silero-vad's folder `data` hold one network in several formats, so that the weights
# of `silero_vad_16k.safetensors`, which are easily read, are those of the ONNX files and of `silero_vad.jit`.
# What is so: shapes and names agree, and the Fourier basis, but every layer has other weights, so that
# probabilities of the same sound are others. The ONNX files of 16 kHz say what the .jit says, which the package runs;
# `silero_vad_16k_op15.onnx` has the weights under their names, in the order of PyTorch.
# Versions: silero-vad 6.2.3, Python 3.11. Date: 2026-11-29.
# Whom it matters to: who runs the detector in a framework of their own, and tuned thresholds with the package.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv v && v/bin/pip install --quiet numpy==2.2.6 onnx==1.19.1 safetensors==0.6.2
v/bin/pip install --quiet --no-deps --target package silero-vad==6.2.3 # without torch
v/bin/python - <<'CODE'
import numpy as np
import onnx
from safetensors.numpy import load_file

graphs = {name: onnx.load(f"package/silero_vad/data/silero_vad_16k_{name}.onnx").graph for name in ("op15", "sequence")}
op15, sequence = (
    {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer} for graph in graphs.values()
)
stored = load_file("package/silero_vad/data/silero_vad_16k.safetensors")
names = {"stft_conv.weight": "model.stft.forward_basis_buffer", "final_conv.weight": "model.decoder.decoder.2.weight"}
for number in range(4):
    names[f"conv{number + 1}.weight"] = f"model.encoder.{number}.reparam_conv.weight"
    in_sequence = sequence[f"encoder.{number}.weight"]
    assert (in_sequence == op15[names[f"conv{number + 1}.weight"]]).all()
for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
    names[f"lstm_cell.{name}"] = f"model.decoder.rnn.{name}"
for ours, theirs in names.items():
    apart = np.abs(stored[ours] - op15[theirs]).max()
    print(f"{ours}: {apart:.3g} apart")
    assert (apart == 0) == (ours == "stft_conv.weight")
CODE
