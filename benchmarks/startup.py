"""How long `--help` takes, beside a Python that does nothing."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 10


def main() -> None:
    folder = Path(sys.executable).parent
    nothing = median_s([sys.executable, "-c", "pass"])
    print(f"python -c pass: {nothing:.3f} s (median of {REPEATS})")
    for command in ("pretrain", "probe", "finetune", "predict", "corpus", "augment"):
        help_s = median_s([str(folder / command), "--help"])
        print(f"{command} --help: {help_s:.3f} s, {help_s / nothing:.1f} times as long")


def median_s(command: list[str]) -> float:
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
