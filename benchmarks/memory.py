"""Peak memory of pretraining on 12,000 clips, all processes together (proportional set size)."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

CLIPS, SECONDS, RATE = 12_000, 2.5, 16_000
ARGUMENTS = ["epochs=1", "backbones=[resnet10t]", "log_every_steps=5", "save_every_steps=20"]
STEPS_MEASURED_S = 120.0


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        (folder / "clips").mkdir()
        for clip in range(CLIPS):
            noise = rng.normal(0, 0.1, int(SECONDS * RATE)).astype(np.float32)
            soundfile.write(folder / "clips" / f"{clip:05d}.wav", noise, RATE, subtype="PCM_16")
        command = [str(Path(sys.executable).parent / "pretrain"), "--config", "simclr-small.yaml"]
        places = [f"data={folder / 'clips'}", f"out={folder / 'run'}", f"cache={folder / 'cache'}"]
        process = subprocess.Popen([*command, *places, *ARGUMENTS], stderr=subprocess.DEVNULL)
        peak, trained_since = 0, None
        while process.poll() is None:
            peak = max(peak, tree_bytes(process.pid))
            if trained_since is None and (folder / "run" / "resnet10t" / "metrics.csv").exists():
                trained_since = time.monotonic()
            if trained_since is not None and time.monotonic() - trained_since > STEPS_MEASURED_S:
                process.terminate()
                process.wait()
            time.sleep(0.25)
        print(f"{CLIPS:,} clips, decoding and training: peak {peak / 2**30:.2f} GiB")


def tree_bytes(root: int) -> int:
    """Returns the proportional set size of a process and all below it, in bytes."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


if __name__ == "__main__":
    main()
