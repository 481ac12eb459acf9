"""The file of `predict export` in ONNX Runtime against Python: windows a second, one thread each, CPU time.

    python benchmarks/timeline/exported_file.py [--from RUN] [--folder FOLDER]

Each backbone of an ensemble, and all of them. Python is the ensemble as `predict` asks it, in float32 and with the
precision that it chooses for each network. `--folder` keeps the files, and takes those that are there.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from emoclr.finetune.model.checkpoint import load_ensemble
from emoclr.predict.export.forms import INPUT
from emoclr.predict.export.onnx_session import onnx_session
from emoclr.predict.export.parity import made_up
from emoclr.predict.export.run import export
from emoclr.pretrain.encoder.folders import find_run
from emoclr.pretrain.encoder.streamed_windows import BATCH_WINDOWS

RATE = 16_000
REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="run", default="emoclr-small-emotions", help="an ensemble")
    parser.add_argument("--folder", type=Path, help="of the files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = find_run(arguments.run)
    _, card = load_ensemble(run)
    print("| model | file, MB | file | Python, float32 | Python | of it in bf16 | file / float32 | file / Python |")
    print(f"| --- {'| ---: ' * 7}|")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        for place in [*(run / member for member in card.members), run]:
            print(row_of(place, folder / f"{place.name}.onnx"), flush=True)


def row_of(run: Path, file: Path) -> str:
    """Returns a row of the table."""
    if not file.exists():
        export(run, file)
    ensemble, card = load_ensemble(run)
    waveforms = made_up(BATCH_WINDOWS["cpu"], round(card.window_s * RATE))
    session = onnx_session(file)

    def python() -> None:
        with torch.inference_mode():
            ensemble.probabilities(ensemble(torch.from_numpy(waveforms)).double().numpy())

    def float32() -> None:
        with mock.patch("emoclr.finetune.model.member_precision.has_native_bf16", lambda: False):
            python()

    works = {"file": lambda: session.run(None, {INPUT: waveforms}), "float32": float32, "python": python}
    costs = in_turns(works)
    rates = {name: len(waveforms) / cost for name, cost in costs.items()}
    cells = [f"{file.stat().st_size / 1e6:.1f}", *(f"{rates[name]:.0f}" for name in works)]
    halves = [half for _, half in ensemble._encoders("cpu", waveforms.shape[1])]
    cells.append(f"{sum(halves)} of {len(halves)}")
    cells += [f"{rates['file'] / rates[name]:.2f}" for name in ("float32", "python")]
    return f"| {run.name} | {' | '.join(cells)} |"


def in_turns(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Returns the median CPU time of each, s, which take turns."""
    for work in works.values():
        work()
    seconds = {name: np.zeros(REPEATS) for name in works}
    for repeat in range(REPEATS):
        for name, work in works.items():
            begin = time.process_time()
            work()
            seconds[name][repeat] = time.process_time() - begin
    return {name: statistics.median(each) for name, each in seconds.items()}


if __name__ == "__main__":
    main()
