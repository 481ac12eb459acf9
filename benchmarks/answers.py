"""How long commands take before they answer, each part beside an alternative in the same run.

    python benchmarks/answers.py [start] [first] [long] [--from RUN] [--recording FILE] [--before CHECKOUT]

| part | what is compared |
| --- | --- |
| start | the help of each command, and a misspelt folder until it is refused, against `python` and `import torch` |
| first | `predict` on a clip of 2 s until the command ends, against `import torch` |
| long | `predict --timeline --gate none` on a long recording, against openSMILE's eGeMAPS, where that is installed |

`--before` names a checkout of another commit, which takes turns with this one, its bytecode compiled as well. Times
are of the processor, of all processes of a command, in one thread unless `--threads` says otherwise.

Without `--from` the ensemble is the released one, and without `--recording` there are ten minutes of synthetic voices.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import soundfile

from emoclr.corpus.audio.decoder import SAMPLE_RATE, read_waveform
from emoclr.corpus.demo.demo_corpus import make_demo_corpus
from emoclr.pretrain.encoder.folders import find_run

HERE = Path(__file__).parents[1]
PARTS = ("start", "first", "long")
HELP_REPEATS = 10
RELEASED = "emoclr-small-emotions"
CLIP_S, RECORDING_S = 2.0, 600.0
EGEMAPS = """
import sys, opensmile
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
smile.process_file(sys.argv[1])
"""


class Cost(NamedTuple):
    """CPU time and wall time of a command, s."""

    cpu_s: float
    wall_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="start|first|long", help="what to measure (default: all)")
    parser.add_argument("--from", dest="run", type=Path, help="an ensemble")
    parser.add_argument("--recording", type=Path, help="a long one; the clip is its beginning")
    parser.add_argument("--before", type=Path, help="checkout of another commit")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    parts = arguments.parts or PARTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
        builds = {"this build": _build(HERE, folder / "now")}
        if arguments.before:
            builds["before"] = _build(arguments.before.resolve(), folder / "before")
        if "start" in parts:
            start()
        if set(parts) == {"start"}:
            return
        run = find_run(arguments.run or RELEASED).resolve()
        recording = arguments.recording.resolve() if arguments.recording else _voices(folder)
        clip = folder / "clip.wav"
        soundfile.write(clip, read_waveform(recording)[: round(CLIP_S * SAMPLE_RATE)], SAMPLE_RATE)
        command = [sys.executable, "-P", "-m", "emoclr.predict", "--from", str(run)]
        if "first" in parts:
            first([*command, str(clip), "--out", "-"], builds, arguments.repeats)
        if "long" in parts:
            long([*command, str(recording), "--timeline"], recording, builds, arguments.repeats, folder)


def start() -> None:
    """Prints how long commands take for their help, and until a misspelt folder is refused."""
    folder = Path(sys.executable).parent
    python = [sys.executable, "-c", "pass"]
    nothing = statistics.median(measured(python).wall_s for _ in range(HELP_REPEATS))
    print(f"python -c pass: {nothing:.3f} s (median of {HELP_REPEATS})")
    for command in ("pretrain", "probe", "finetune", "predict", "corpus", "augment"):
        help_s = statistics.median(measured([str(folder / command), "--help"]).wall_s for _ in range(HELP_REPEATS))
        print(f"{command} --help: {help_s:.3f} s, {help_s / nothing:.1f} times as long")
    nowhere = [str(folder / "pretrain"), "--data", "nowhere", "--out", "nowhere"]
    costs = _in_turns({"refused": (nowhere, {}), "torch": ([sys.executable, "-c", "import torch"], {})}, 5, code=None)
    refused_s = statistics.median(cost.cpu_s for cost in costs["refused"])
    print(
        f"pretrain --data nowhere: {refused_s:.2f} s of CPU until refused, "
        f"{_ratio(costs['refused'], costs['torch']):.2f} times as long as import torch"
    )


def first(command: list[str], builds: Mapping[str, Mapping[str, str]], repeats: int) -> None:
    """Prints what `predict` takes for a clip."""
    work = {build: (command, environment) for build, environment in builds.items()}
    work["import torch"] = ([sys.executable, "-c", "import torch"], builds["this build"])
    costs = _in_turns(work, repeats)
    _table(f"predict on a clip of {CLIP_S:g} s", costs, "this build")


def long(
    command: list[str], recording: Path, builds: Mapping[str, Mapping[str, str]], repeats: int, folder: Path
) -> None:
    """Prints what `predict --timeline` takes for a recording, and how far the builds are apart."""
    tables = {build: folder / f"{build}.csv" for build in builds}
    now = builds["this build"]
    work = {
        "this build": ([*command, "--gate", "none", "--out", str(tables["this build"])], now),
        "this build, where somebody speaks": ([*command, "--out", str(folder / "gated.csv")], now),
    }
    if "before" in builds:
        work["before"] = ([*command, "--out", str(tables["before"])], builds["before"])
    if not subprocess.run([sys.executable, "-c", "import opensmile"], capture_output=True, check=False).returncode:
        work["openSMILE's eGeMAPS"] = ([sys.executable, "-c", EGEMAPS, str(recording)], now)
    else:
        print("openSMILE is not installed")
    costs = _in_turns(work, repeats)
    duration_s = len(read_waveform(recording)) / SAMPLE_RATE
    _table(f"predict --timeline on a recording of {duration_s:.0f} s", costs, "this build", duration_s)
    if "before" in tables:
        ours, theirs = (pd.read_csv(tables[build]) for build in ("this build", "before"))
        joint = ours.merge(theirs, on=["path", "start_s", "end_s"])
        names = [name[:-2] for name in joint if name.endswith("_x") and joint[name].dtype == float]
        apart = np.abs(joint[[f"{name}_x" for name in names]].to_numpy() - joint[[f"{name}_y" for name in names]])
        print(f"{len(joint)} windows in common; probabilities differ by {apart.to_numpy().max():.5f} at most")


def measured(command: list[str], environment: Mapping[str, str] | None = None, code: int | None = 0) -> Cost:
    """Returns what a command takes; one that ends with another exit code than `code`, where that is given, fails."""
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, env={**os.environ, **(environment or {})})
    wall_s, after = time.perf_counter() - began, os.times()
    assert code is None or done.returncode == code, done.stderr.decode()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(cpu_s, wall_s)


def _in_turns(
    work: Mapping[str, tuple[list[str], Mapping[str, str]]], repeats: int, code: int | None = 0
) -> dict[str, list[Cost]]:
    """Returns what each command took, turn by turn; the first turn, which compiles and fills caches, does not count."""
    turns = [{name: measured(*each, code=code) for name, each in work.items()} for _ in range(repeats + 1)][1:]
    return {name: [turn[name] for turn in turns] for name in work}


def _ratio(costs: Sequence[Cost], others: Sequence[Cost]) -> float:
    """Returns the median of the ratios of CPU time, turn by turn: what else the machine does comes and goes."""
    return statistics.median(cost.cpu_s / other.cpu_s for cost, other in zip(costs, others, strict=True))


def _table(what: str, costs: Mapping[str, Sequence[Cost]], ours: str, duration_s: float | None = None) -> None:
    """Prints medians, the least CPU time, which others of a shared machine slowed least, and medians of the ratios of
    each turn."""
    times = " | × real time of CPU | × real time" if duration_s else ""
    heads = f"{what} | CPU, s | wall, s | least CPU, s | CPU, this build / it{times}"
    print(f"\n| {heads} |\n| --- {'| ---: ' * heads.count('|')}|")
    for name, turns in costs.items():
        cpu_s, wall_s = (statistics.median(cost[place] for cost in turns) for place in range(2))
        least_s = min(cost.cpu_s for cost in turns)
        cells = [f"{cpu_s:.2f}", f"{wall_s:.2f}", f"{least_s:.2f}", f"{_ratio(costs[ours], turns):.2f}"]
        if duration_s:
            cells += [f"{duration_s / cpu_s:.0f}", f"{duration_s / wall_s:.0f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _build(checkout: Path, place: Path) -> dict[str, str]:
    """Returns an environment in which `emoclr` is that of a checkout, with bytecode of its own."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    package = place / "emoclr"
    package.mkdir(parents=True)
    for name, source in project["tool"]["setuptools"]["package-dir"].items():
        if name != "emoclr":
            (package / name.removeprefix("emoclr.")).symlink_to(checkout / source)
    for file in (checkout / "emoclr").iterdir():
        (package / file.name).symlink_to(file)
    return {
        "PYTHONPATH": str(place),
        "PYTHONPYCACHEPREFIX": str(place / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
        "HOME": str(place),
    }


def _voices(folder: Path) -> Path:
    """Writes ten minutes of synthetic voices, one behind the other, and returns the file."""
    make_demo_corpus(folder / "voices", size="small")
    voices = np.concatenate([read_waveform(path) for path in sorted((folder / "voices" / "labeled").glob("*.wav"))])
    path = folder / "voices.wav"
    soundfile.write(path, np.resize(voices, round(RECORDING_S * SAMPLE_RATE)), SAMPLE_RATE)
    return path


if __name__ == "__main__":
    main()
