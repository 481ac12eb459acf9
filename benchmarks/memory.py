"""Peak memory of pretraining, all processes together (proportional set size), and whether it grows over epochs.

    python benchmarks/memory.py [real] [simulated] [long]

`real` decodes 12,000 recordings and trains on them for two minutes. `simulated` trains on clips that an index names and
a cache of sparse files holds, 12,000 and 1,000,000 of them: a few steps of each of several epochs. `long` decodes
recordings of 24 h into the cache.
"""

import argparse
import contextlib
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
LONG_RATE, SHORT_S, DAY_S = 16_000, 600, 24 * 3_600
ARGUMENTS = ["epochs=1", "backbones=[resnet10t]", "log_every_steps=5", "save_every_steps=20"]
STEPS_MEASURED_S = 120.0
EPOCHS, STEPS_PER_EPOCH = 6, 8
SMALL = ["backbones=[test_resnet]", "batch_size=16", "negatives=any", "log_every_steps=1000000"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="real|simulated|long", help="what to measure (default: all)")
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--decode", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decode:
        decode(arguments.decode)
        return
    if arguments.index:
        train(arguments.index)
        return
    with tempfile.TemporaryDirectory() as name:
        if "real" in arguments.parts or not arguments.parts:
            real(Path(name))
        if "simulated" in arguments.parts or not arguments.parts:
            for clips in (CLIPS, MANY):
                simulated(Path(name) / str(clips), clips)
        if "long" in arguments.parts or not arguments.parts:
            long(Path(name))


def long(folder: Path) -> None:
    """Decodes recordings of 10 minutes and of 24 h, each in fresh processes."""
    silence = np.zeros(LONG_RATE * SHORT_S, np.int16)
    noise = np.random.default_rng(0).integers(-3_000, 3_000, (LONG_RATE * SHORT_S, 2), dtype=np.int16)
    soundfile.write(folder / "noise.mp3", noise, LONG_RATE, format="MP3")
    frames = (folder / "noise.mp3").read_bytes()
    for times in (1, DAY_S // SHORT_S):
        paths = [folder / f"{times}-silence.flac", folder / f"{times}-noise-in-stereo.mp3"]
        with soundfile.SoundFile(paths[0], "w", LONG_RATE, 1, "PCM_16") as file, paths[1].open("wb") as mp3:
            for _ in range(times):
                file.write(silence)
                mp3.write(frames)
        for path in paths:
            print(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB:", end=" ", flush=True)
            subprocess.run([sys.executable, __file__, "--decode", str(path)], check=True)


def decode(path: Path) -> None:
    """Decodes a recording into a cache, and prints the peak of this process and of the one that decodes."""
    from emoclr.corpus.clips.clip_table import Clip
    from emoclr.corpus.decoded.waveforms import open_waveforms

    peaks: dict[int, int] = {}

    def watch() -> None:
        while True:
            for process in [os.getpid(), *children(os.getpid())]:
                with contextlib.suppress(OSError):
                    told = Path(f"/proc/{process}/status").read_text()
                    peaks[process] = max(peaks.get(process, 0), sum(kib(told, key) for key in ("RssAnon", "RssShmem")))
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=path.parent) as cache:
        store = open_waveforms([Clip(path)], Path(cache), cache_gb=100)
    hours = store.durations_s[0] / 3_600
    here = peaks.pop(os.getpid())
    print(
        f"{hours:.2f} h in {time.monotonic() - began:.0f} s; peaks {here / 1024:.0f} MiB in the process that fills the "
        f"cache, {max(peaks.values()) / 1024:.0f} MiB in the one that decodes",
        flush=True,
    )


def kib(status: str, key: str) -> int:
    """Returns a number of kiB of /proc/PID/status, 0 of a process that has ended."""
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{key}:"))


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
    from index import make

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
    total = 0
    for process in (root, *children(root)):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def children(root: int) -> list[int]:
    """Returns all processes below one."""
    below: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found, waiting = [], [root]
    while waiting:
        waiting += below.get(waiting[0], [])
        found.append(waiting.pop(0))
    return found[1:]


if __name__ == "__main__":
    main()
