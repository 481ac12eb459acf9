"""Training loops that `benchmarks/pretrain.py` times, all over the same clips, model and optimiser."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from emoclr.augment.views import ViewMaker
from emoclr.configs.settings import load_settings
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.corpus.demo.demo_corpus import make_demo_corpus
from emoclr.pretrain.data.batch_order import BatchOrder
from emoclr.pretrain.data.clip_readers import StoredClips
from emoclr.pretrain.data.view_loader import ViewLoader, default_workers
from emoclr.pretrain.data.views import VIEWS, ViewBatch, ViewDataset
from emoclr.pretrain.encoder.devices import choose_device
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings, pool
from emoclr.pretrain.encoder.precision import choose_precision
from emoclr.pretrain.objectives.registry import make_loss
from emoclr.pretrain.settings import PretrainSettings
from emoclr.pretrain.training.module import ContrastiveModule
from emoclr.pretrain.training.progress import Progress
from emoclr.pretrain.training.saver import Saver
from emoclr.pretrain.training.trainer import fit, make_trainer

WARM, READY = 8, 4


class ReadyLoader(ViewLoader):
    """Batches that are in memory before the clock starts."""

    def __init__(self, ready: list[ViewBatch], loader: ViewLoader) -> None:
        super().__init__(loader.dataset, loader.order, loader.steps, 0)
        self.ready = ready

    def batches(self) -> Iterator[ViewBatch]:
        return (self.ready[step % len(self.ready)] for step in range(self.steps))


class Stopwatch(pl.Callback):
    """Takes the time after the warm-up and after the last step.

    In between, a GPU computes one step while Python prepares the next, as in training: waiting for it after each of
    them would count Python's time as its own.
    """

    def __init__(self, steps: int) -> None:
        self.last = WARM + steps
        self.done = 0
        self.began = self.ended = 0.0

    def on_train_batch_end(self, *arguments: Any) -> None:
        self.step_over()

    def step_over(self) -> None:
        self.done += 1
        if self.done == WARM:
            self.began = now()
        if self.done == self.last:
            self.ended = now()


class Rates:
    """Views a second of each loop in each round."""

    def __init__(self, rounds: list[dict[str, float]]) -> None:
        self.rounds = rounds

    def of(self, name: str, against: str) -> str:
        """Returns both rates and their ratio, in words."""
        first, second = (statistics.median(rates[key] for rates in self.rounds) for key in (name, against))
        ratios = sorted(rates[name] / rates[against] for rates in self.rounds)
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f} in {len(ratios)} rounds"
        return f"{name} {first:.0f} views/s, {against} {second:.0f}: ratio {statistics.median(ratios):.2f} ({spread})"


class Loops:
    """The clips and settings of one part.

    Args:
        folder: for the demo corpus, the cache and what runs leave.
        config: of `pretrain`.
        overrides: of its settings.
        rounds: turns of each loop.
        steps: measured steps of a turn.
    """

    def __init__(self, folder: Path, config: str, overrides: Sequence[str], rounds: int, steps: int) -> None:
        self.folder, self.rounds, self.steps = folder, rounds, steps
        given = list(overrides)
        if not any(word.startswith("data=") for word in given):
            demo = folder / "demo"
            if not demo.exists():
                make_demo_corpus(demo, seed=0, size="full")
            given.append(f"data={demo}")
        places = [f"out={folder / 'run'}", f"cache={folder / 'cache'}"]
        self.settings = load_settings(PretrainSettings, config, [*places, *given])
        settings = self.settings
        self.store = open_waveforms(
            clips_from([Path(place) for place in settings.data], settings.splits), settings.cache
        )
        self.device = torch.device(choose_device(settings.accelerator))
        print(f"{len(self.store)} clips, batches of {settings.batch_size}, {settings.crop_s:g} s, on {self.device}")

    def take_turns(self, loops: dict[str, Callable[[], float]]) -> Rates:
        """Runs loops in turns, so that a busy machine is as busy for each, and returns their rates."""
        return Rates([{name: loop() for name, loop in loops.items()} for _ in range(self.rounds)])

    def files(self, workers: int | None = None) -> ViewLoader:
        """Returns batches made of recordings while the loop runs."""
        settings = self.settings
        per_speaker = settings.batch_size // settings.speakers_per_batch
        order = BatchOrder(self.store.speakers, settings.batch_size, per_speaker, settings.seed)
        rate = settings.spectrogram.sample_rate
        maker = ViewMaker(settings.augment, round(settings.crop_s * rate), rate, settings.seed)
        workers = workers or settings.workers or default_workers()
        return ViewLoader(ViewDataset(StoredClips(self.store), maker), order, WARM + self.steps, workers)

    def ready(self) -> ReadyLoader:
        """Returns batches that are in memory, pinned where a GPU copies them from there."""
        loader = self.files()
        loader.steps = READY
        loader.device = self.device
        batches = list(loader.batches())
        loader.steps = WARM + self.steps
        return ReadyLoader(batches, loader)

    def precision(self, backbone: str) -> str:
        """Returns the number format that the settings choose for a backbone."""
        network = self._encoder(backbone).backbone
        return choose_precision(self.settings.precision, network, self.device.type, self.settings.crop_s)

    def ours(self, backbone: str, loader: ViewLoader) -> float:
        """Returns views/s of the loop that `pretrain` runs, with its metrics and its watch over signals."""
        settings, watch = self.settings, Stopwatch(self.steps)
        encoder, steps, folder = self._encoder(backbone), WARM + self.steps, settings.out / backbone
        module = ContrastiveModule(encoder, settings, steps, lambda rank, ranks: loader)
        trainer = make_trainer(folder, encoder.backbone, settings, settings.crop_s)
        views = VIEWS * settings.batch_size
        callbacks = [
            Progress(folder, settings.log_every_steps, views, module.metrics),
            Saver(folder, 10**9, lambda _: None),
        ]
        fit(trainer, module, steps, [watch, *callbacks])
        return self._rate(watch)

    def by_hand(self, backbone: str, loader: ViewLoader, *, naive: bool = False) -> float:
        """Returns views/s of a plain loop.

        Args:
            backbone: timm's name.
            loader: of batches.
            naive: in single precision, with images and weights in PyTorch's usual order of axes.
        """
        watch = Stopwatch(self.steps)
        step = self.plain_step(backbone, naive=naive)
        for batch in loader:
            waveforms, masks = (
                part.to(self.device, non_blocking=True).transpose(0, 1).flatten(0, 1)
                for part in (batch.waveforms, batch.masks)
            )
            step(waveforms, masks)
            watch.step_over()
        return self._rate(watch)

    def alone(self, backbone: str) -> float:
        """Returns views/s of the network, its head, loss and optimiser on random images that are on the device."""
        settings, watch = self.settings, Stopwatch(self.steps)
        encoder = self._encoder(backbone)
        rows = VIEWS * settings.batch_size
        silence = torch.zeros(1, round(settings.crop_s * settings.spectrogram.sample_rate), device=self.device)
        shape = encoder.spectrogram.to(self.device)(silence).shape[1:]
        images = torch.randn(rows, *shape, device=self.device).contiguous(memory_format=torch.channels_last)
        step = self.plain_step(backbone, images_only=True)
        for _ in range(WARM + self.steps):
            step(images, None)
            watch.step_over()
        return self._rate(watch)

    def plain_step(
        self, backbone: str, *, naive: bool = False, images_only: bool = False
    ) -> Callable[[Tensor, Tensor | None], None]:
        """Returns a training step written by hand: of waveforms and masks, or of images alone."""
        settings = self.settings
        encoder = self._encoder(backbone)
        module = ContrastiveModule(encoder, settings, WARM + self.steps, lambda rank, ranks: self.files())
        module.to(self.device).train()
        precision = "32-true" if naive else self.precision(backbone)
        if naive:
            encoder.backbone.to(memory_format=torch.contiguous_format)
            encoder.backbone.register_forward_pre_hook(lambda network, inputs: (inputs[0].contiguous(),))
        loss_of: nn.Module = make_loss(settings.objective, settings.temperature, False)
        prepared = module.configure_optimizers()
        optimizer, schedule = prepared["optimizer"], prepared["lr_scheduler"]["scheduler"]
        mixed = (
            torch.autocast(self.device.type, torch.bfloat16) if precision == "bf16-mixed" else contextlib.nullcontext()
        )

        def step(inputs: Tensor, masks: Tensor | None) -> None:
            optimizer.zero_grad()
            with mixed:
                embedded = pool(encoder.backbone(inputs).float()) if images_only else encoder(inputs, masks)
                first, second = module.projection(embedded).float().chunk(2)
                loss = loss_of(first, second)
            loss.backward()
            optimizer.step()
            schedule.step()

        return step

    def _encoder(self, backbone: str) -> Encoder:
        torch.manual_seed(self.settings.seed)
        settings = self.settings
        masks = settings.augment.masks.time_masks
        return Encoder(EncoderSettings(backbone=backbone, spectrogram=settings.spectrogram, time_masks=masks))

    def _rate(self, watch: Stopwatch) -> float:
        return VIEWS * self.settings.batch_size * self.steps / (watch.ended - watch.began)


def now() -> float:
    """Returns the time after all that was begun on the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
