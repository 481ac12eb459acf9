"""Memory does not grow with the length of a recording."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

SHORT_S, LONG_S = 30, 900
MAX_GROWTH_BYTES = 64 << 20
"""33 MB were measured: 32 pieces of half a megabyte wait for the network. All samples as float32 are 56 MB more, and
once more where they are joined to one array."""

PREDICT = """
import re, sys
from pathlib import Path
from emoclr.finetune import load_ensemble
from emoclr.predict.run import predict_files

def peak_bytes():
    # What getrusage tells begins with the peak of the process that started this one.
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

ensemble, card = load_ensemble(sys.argv[1])
wide = card.model_copy(update={"window_s": 2.0, "hop_s": 2.0})
for path in map(Path, sys.argv[2:]):
    for gate in (False, True):
        rows = sum(len(found.rows) for found in predict_files(ensemble, wide, [path], kind="window", gate=gate))
    print(rows, peak_bytes())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read as Linux tells it")
def test_a_long_recording_takes_no_more_than_a_short_one(workspace: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = []
    for seconds in (SHORT_S, LONG_S):
        paths.append(tmp_path / f"{seconds}.wav")
        sf.write(paths[-1], 0.1 * rng.standard_normal(seconds * 16_000, dtype=np.float32), 16_000)
    words = [sys.executable, "-c", PREDICT, workspace / "checkpoints/my-emotions", *paths]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    (short_rows, short), (long_rows, long) = (map(int, line.split()) for line in ran.stdout.splitlines())
    assert (short_rows, long_rows) == (SHORT_S // 2, LONG_S // 2)
    assert long - short < MAX_GROWTH_BYTES
