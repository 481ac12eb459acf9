"""Networks in ONNX files, run by ONNX Runtime on the CPU."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime


def onnx_session(path: Path) -> "onnxruntime.InferenceSession":
    """Returns a session of a file, in one thread, which reports to nobody."""
    # From version 1.29 on its import makes an id of this machine in the home folder, and reports to Microsoft.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
