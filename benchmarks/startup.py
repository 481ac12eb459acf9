"""How long a command takes before its work begins: for its help, and until a misspelt folder is refused."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 10
REFUSED_REPEATS = 5


def main() -> None:
    folder = Path(sys.executable).parent
    python = [sys.executable, "-c", "pass"]
    nothing = statistics.median(elapsed_s(python) for _ in range(REPEATS))
    print(f"python -c pass: {nothing:.3f} s (median of {REPEATS})")
    for command in ("pretrain", "probe", "finetune", "predict", "corpus", "augment"):
        help_s = statistics.median(elapsed_s([str(folder / command), "--help"]) for _ in range(REPEATS))
        print(f"{command} --help: {help_s:.3f} s, {help_s / nothing:.1f} times as long")

    refused, torch = [], []
    for _ in range(REFUSED_REPEATS):  # in turns, so that both meet the same load
        refused.append(cpu_s([str(folder / "pretrain"), "--data", "nowhere", "--out", "nowhere"], code=2))
        torch.append(cpu_s([sys.executable, "-c", "import torch"], code=0))
    refused_s, torch_s = statistics.median(refused), statistics.median(torch)
    print(f"import torch: {torch_s:.2f} s of CPU (median of {REFUSED_REPEATS})")
    print(f"pretrain --data nowhere: {refused_s:.2f} s of CPU until refused, {refused_s / torch_s:.2f} times as long")


def elapsed_s(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def cpu_s(command: list[str], code: int) -> float:
    before = os.times()
    done = subprocess.run(command, check=False, capture_output=True)
    after = os.times()
    assert done.returncode == code, done.stderr
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    main()
