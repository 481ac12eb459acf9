"""The training loop on real files against the same loop fed with ready batches from memory.

    python benchmarks/pretrain_loop.py [--backbones NAME,NAME] [DATA ...]

DATA is what `pretrain data=` takes; without it, the synthetic demo corpus. Without names, the first backbone of
`simclr-small.yaml`. Files are decoded once before the clock
starts, as a run does; cropping, augmentation and the way into the training process are in the measured loop.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from augment.views import ViewMaker
from configs.settings import load_settings
from corpus.synthetic import make_demo_corpus
from corpus.waveforms import WaveformStore, clips_from, open_waveforms
from pretrain.data import BatchOrder, ViewBatch, ViewDataset, ViewLoader, default_workers
from pretrain.encoder import Encoder, EncoderSettings
from pretrain.module import ContrastiveModule
from pretrain.settings import PretrainSettings
from pretrain.trainer import fit, make_trainer

WARM, STEPS, ROUNDS = 4, 16, 3


class ReadyLoader(ViewLoader):
    """Batches that are in memory before the clock starts."""

    def __init__(self, ready: list[ViewBatch], loader: ViewLoader) -> None:
        super().__init__(loader.dataset, loader.order, loader.steps, 0)
        self.ready = ready

    def __iter__(self) -> Iterator[ViewBatch]:
        return (self.ready[step % len(self.ready)] for step in range(self.steps))


class Clock(pl.Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.ends.append(time.perf_counter())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parser = argparse.ArgumentParser()
        parser.add_argument("--backbones", default="resnet10t")
        parser.add_argument("data", nargs="*", type=Path)
        arguments = parser.parse_args()
        sources = arguments.data
        if not sources:
            sources = [make_demo_corpus(folder / "demo", seed=0, size="full").labels.parent]
        settings = load_settings(
            PretrainSettings, "simclr-small.yaml", [f"data={','.join(map(str, sources))}", f"out={folder}"]
        )
        store = open_waveforms(clips_from(settings.data, settings.splits), folder / "cache")
        print(f"{len(store)} clips, batches of {settings.batch_size}, {default_workers()} data worker(s)")
        for backbone in arguments.backbones.split(","):
            rounds = [one_round(backbone, settings, store, folder) for _ in range(ROUNDS)]
            ratio = statistics.median(ready / real for real, ready in rounds)
            views = 2 * settings.batch_size * STEPS
            real = views / statistics.median(real for real, _ in rounds)
            print(f"{backbone}: {real:.0f} views/s from files, {ratio:.2f} of the rate of ready batches")


def one_round(backbone: str, settings: PretrainSettings, store: WaveformStore, folder: Path) -> tuple[float, float]:
    rate = settings.spectrogram.sample_rate
    maker = ViewMaker(settings.augment, round(settings.crop_s * rate), rate, settings.seed)
    order = BatchOrder(store.speakers, settings.batch_size, settings.batch_size // settings.speakers_per_batch, 0)
    real = ViewLoader(ViewDataset(store, maker), order, WARM + STEPS, default_workers())
    ready = ReadyLoader([batch for batch, _ in zip(ViewLoader(real.dataset, order, 4, 1), range(4), strict=True)], real)
    return timed(backbone, settings, real, folder), timed(backbone, settings, ready, folder)


def timed(backbone: str, settings: PretrainSettings, loader: ViewLoader, folder: Path) -> float:
    encoder = Encoder(
        EncoderSettings(
            backbone=backbone, spectrogram=settings.spectrogram, time_masks=settings.augment.masks.time_masks
        )
    )
    steps = WARM + STEPS
    clock = Clock()
    module = ContrastiveModule(encoder, settings, steps, lambda rank, ranks: loader)
    fit(make_trainer(folder, encoder.backbone, settings, settings.crop_s), module, steps, [clock])
    return clock.ends[-1] - clock.ends[WARM - 1]


if __name__ == "__main__":
    main()
