"""Peak memory of pretraining, all processes together (proportional set size), and whether it grows over epochs.

    python benchmarks/memory.py [real] [simulated]

`real` decodes 12,000 recordings and trains on them for two minutes. `simulated` trains on clips that an index names and
a cache of sparse files holds, 12,000 and 1,000,000 of them: a few steps of each of several epochs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

# The folder of this script would be looked through first, and it holds a file that is called like a package.
CLIPS, SECONDS, RATE = 12_000, 2.5, 16_000
MANY = 1_000_000
ARGUMENTS = ["epochs=1", "backbones=[resnet10t]", "log_every_steps=5", "save_every_steps=20"]
STEPS_MEASURED_S = 120.0
EPOCHS, STEPS_PER_EPOCH = 6, 8
SMALL = ["backbones=[test_resnet]", "batch_size=16", "negatives=any", "log_every_steps=1000000"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="real|simulated", help="what to measure (default: both)")
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.index:
        train(arguments.index)
        return
    with tempfile.TemporaryDirectory() as name:
        if "real" in arguments.parts or not arguments.parts:
            real(Path(name))
        if "simulated" in arguments.parts or not arguments.parts:
            for clips in (CLIPS, MANY):
                simulated(Path(name) / str(clips), clips)


def real(folder: Path) -> None:
    """Decodes recordings and trains on them, as the command does."""
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


def simulated(folder: Path, clips: int) -> None:
    """Trains, in a fresh process, on clips that are made up."""
    from benchmarks.index import make

    folder.mkdir()
    make(folder, clips)
    print(f"{clips:,} clips:", flush=True)
    subprocess.run([sys.executable, __file__, "--index", str(folder / "index.parquet")], check=True)


def train(index: Path) -> None:
    """Trains for a few steps of each of several epochs, and prints what all processes hold after each."""
    import pytorch_lightning as pl

    from emoclr.augment.views import ViewMaker
    from emoclr.configs.settings import load_settings
    from emoclr.corpus.clips.sources import clips_from
    from emoclr.corpus.decoded.waveforms import open_waveforms
    from emoclr.pretrain.data.batch_order import BatchOrder
    from emoclr.pretrain.data.clip_readers import StoredClips
    from emoclr.pretrain.data.view_loader import ViewLoader
    from emoclr.pretrain.data.views import ViewDataset
    from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
    from emoclr.pretrain.settings import PretrainSettings
    from emoclr.pretrain.training.module import ContrastiveModule
    from emoclr.pretrain.training.trainer import fit, make_trainer

    class FewSteps(BatchOrder):
        """The first batches of each epoch."""

        def keys_from(self, step: int, steps: int) -> Iterator[list[tuple[int, int]]]:
            for epoch in range(steps // STEPS_PER_EPOCH):
                for batch in self.epoch(epoch)[:STEPS_PER_EPOCH]:
                    yield [(epoch, int(clip)) for clip in batch]

    class Told(pl.Callback):
        """Prints what is held after each epoch."""

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            epoch, step = divmod(batch_idx + 1, STEPS_PER_EPOCH)
            if not step:
                print(f"  after epoch {epoch}: {tree_bytes(os.getpid()) / 2**20:.0f} MiB", flush=True)

    peaks = [0]

    def watch() -> None:
        while True:
            peaks[0] = max(peaks[0], tree_bytes(os.getpid()))
            time.sleep(0.1)

    threading.Thread(target=watch, daemon=True).start()
    out = index.parent / "run"
    settings = load_settings(PretrainSettings, "simclr-small.yaml", [f"data={index}", f"out={out}", *SMALL])
    store = open_waveforms(clips_from([index]), index.parent / "cache", cache_gb=1e6)
    maker = ViewMaker(settings.augment, round(settings.crop_s * RATE), RATE, settings.seed)
    steps = EPOCHS * STEPS_PER_EPOCH
    loader = ViewLoader(
        ViewDataset(StoredClips(store), maker),
        FewSteps(store.speakers, settings.batch_size, 1, settings.seed),
        steps,
        1,
    )
    encoder = Encoder(EncoderSettings(backbone=settings.backbones[0], spectrogram=settings.spectrogram))
    module = ContrastiveModule(encoder, settings, steps, lambda rank, ranks: loader)
    fit(make_trainer(out, encoder.backbone, settings, settings.crop_s), module, steps, [Told()])
    print(f"  peak {peaks[0] / 2**20:.0f} MiB, opening included", flush=True)


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
