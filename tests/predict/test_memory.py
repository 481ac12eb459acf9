"""Memory does not grow with the length of a recording."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

SHORT_S, LONG_S = 30, 900
MAX_GROWTH_BYTES = 12 << 20
"""Of 870 s more, which have 28 MB in 16 bits and 56 MB as float32. Where it is decoded, at most 600 s are held."""

PREDICT = """
import resource, sys
from pathlib import Path
from emoclr.finetune import load_ensemble
from emoclr.predict.run import predict_files

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

ensemble, card = load_ensemble(sys.argv[1])
wide = card.model_copy(update={"window_s": 2.0, "hop_s": 2.0})
for path in map(Path, sys.argv[2:]):
    rows = sum(len(found.rows) for found in predict_files(ensemble, wide, [path], timeline=True))
    print(rows, peak_bytes())
"""


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
