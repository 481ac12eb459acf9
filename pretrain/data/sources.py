"""What a run trains on: a corpus decoded once, or sharded tars; the same batches of views of either."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from emoclr.augment.views import ViewMaker
from emoclr.configs.console import track
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.decoder import AudioError
from emoclr.corpus.audit.clip_fingerprints import clip_fingerprints
from emoclr.corpus.clips.clip_table import ClipTable
from emoclr.corpus.clips.sources import clips_from, set_aside_by
from emoclr.corpus.decoded.cache import default_cache_dir
from emoclr.corpus.decoded.cache_settings import opener
from emoclr.corpus.decoded.waveforms import WaveformStore
from emoclr.corpus.tars.tar import is_tar
from emoclr.corpus.tars.tar_corpus import TarCorpus, open_tars
from emoclr.corpus.tars.tar_decoder import TarDecoder
from emoclr.pretrain.data.batch_order import BatchOrder, Order
from emoclr.pretrain.data.clip_readers import ClipReader, StoredClips, TarClips
from emoclr.pretrain.data.joint_labels import labels_of
from emoclr.pretrain.data.sentences import sentences_of
from emoclr.pretrain.data.tar_order import TarOrder
from emoclr.pretrain.data.unreadable_clips import UnreadableClips
from emoclr.pretrain.data.usable_clips import ClipTally, usable_clips
from emoclr.pretrain.data.view_loader import ViewLoader, default_workers
from emoclr.pretrain.data.views import ViewDataset
from emoclr.pretrain.encoder.encoder import Normalisation
from emoclr.pretrain.encoder.normalisation import MEASURED_CLIPS, measure_crops, measure_normalisation
from emoclr.pretrain.settings import PretrainSettings


class Source(Protocol):
    """The clips of a run.

    Attributes:
        fingerprint: hex digest of what they are; the same wherever they lie.
        clips: how many there are.
        left_out: how many more can be read and are not trained on, by reason; none where that is not known.
        hours: how long they are together.
        speakers: how many are known.
        set_aside: a line for each recording that cannot be read or is left out.
        unreadable: why clips turned out unreadable in training, by name; the loaders complete it.
    """

    fingerprint: str
    clips: int
    left_out: dict[str, int]
    hours: float
    speakers: int
    set_aside: list[str]
    unreadable: dict[str, str]

    def normalisation(self) -> Normalisation:
        """Returns mean and standard deviation of each spectrogram channel over some of the clips."""

    def labels(self) -> Tensor | None:
        """Returns the labels of the clips for joint training, float32 (clips, emotions), None where not asked for."""

    def fingerprints(self) -> NDArray[np.uint64] | None:
        """Returns fingerprints of the clips, see `corpus.audit.clip_fingerprints`; None where they are not read."""

    def steps_per_epoch(self, ranks: int) -> int:
        """Returns how many whole batches an epoch has on each of `ranks` processes."""

    def loader(self, rank: int, ranks: int, steps: int) -> ViewLoader:
        """Returns all batches that one rank gets in a run of `steps`."""


def open_source(settings: PretrainSettings) -> Source:
    """Returns the clips that `data` names.

    Raises:
        ConfigError: a source does not exist, tars and others are mixed, or nothing is left.
        EmoclrError: nothing can be read.
    """
    if any(is_tar(place) for place in settings.data):
        if settings.supervised:
            raise ConfigError("supervised: joint training needs recordings or CSVs as data, not tars")
        if settings.without_fold is not None:
            raise ConfigError("without_fold: folds are named in CSVs; tars name none")
        if settings.negatives == "same_sentence":
            raise ConfigError("negatives: same_sentence needs CSVs as data, not tars; they hold no sentences")
        cache = Path(settings.cache or default_cache_dir())
        return TarSource(settings, open_tars(settings.data, settings.splits, cache))
    places = [Path(place) for place in settings.data]
    clips = clips_from(places, settings.splits, settings.columns.given, without_fold=settings.without_fold)
    store = opener(settings)(clips)
    return DecodedSource(settings, store, clips, set_aside_by(places))


class DecodedSource:
    """A corpus that was decoded once."""

    def __init__(
        self,
        settings: PretrainSettings,
        store: WaveformStore,
        clips: ClipTable,
        before: Sequence[tuple[str, str]],
    ) -> None:
        usable = usable_clips(store, clips)
        self.left_out = usable.counts
        self.fingerprint = _fingerprint(store, usable.rows)
        self.clips = len(usable.rows)
        self.hours = float(store.durations_s[usable.rows].sum()) / 3600
        self.speakers = int((np.unique(store.speakers[usable.rows]) >= 0).sum())
        self.set_aside = [f"{name}: {reason}" for name, reason in before]
        self.set_aside += [f"{failure.path}: {failure.reason}" for failure in store.failures]
        self.set_aside += usable.left_out
        self.unreadable: dict[str, str] = {}
        self._settings = settings
        self._store = store
        self._rows = usable.rows
        self._clips = clips
        self._sentences: NDArray[np.int64] | None = None
        if settings.negatives == "same_sentence":
            trained = clips.take(store.source_rows[usable.rows])
            self._sentences = sentences_of(trained, [Path(place) for place in settings.data], settings.columns.given)

    def normalisation(self) -> Normalisation:
        """See `Source`."""
        maker = _view_maker(self._settings)
        return measure_normalisation(self._store, maker, self._settings.spectrogram, self._rows)

    def labels(self) -> Tensor | None:
        """See `Source`."""
        labelled = self._settings.supervised
        if labelled is None:
            return None
        return labels_of(self._clips.take(self._store.source_rows), labelled, self._settings.columns.given)

    def fingerprints(self) -> NDArray[np.uint64]:
        """See `Source`."""
        return clip_fingerprints(self._store, track(self._rows.tolist(), "fingerprints of clips")).ravel()

    def steps_per_epoch(self, ranks: int) -> int:
        """See `Source`."""
        return self._order(0, ranks).batches_per_epoch

    def loader(self, rank: int, ranks: int, steps: int) -> ViewLoader:
        """See `Source`."""
        return _loader(self._settings, StoredClips(self._store), self._order(rank, ranks), steps, self.unreadable)

    def _order(self, rank: int, ranks: int) -> BatchOrder:
        settings, rows = self._settings, self._rows
        per_speaker = _per_speaker(settings)
        speakers = self._store.speakers[rows]
        return BatchOrder(speakers, settings.batch_size, per_speaker, settings.seed, rank, ranks, rows, self._sentences)


class TarSource:
    """A corpus in sharded tars."""

    def __init__(self, settings: PretrainSettings, corpus: TarCorpus) -> None:
        self.fingerprint = corpus.fingerprint
        self.clips = int(corpus.counts.sum())
        self.left_out: dict[str, int] = {}
        self.hours = corpus.duration_s / 3600
        self.speakers = len(corpus.speaker_names)
        self.set_aside = [f"{name}: {reason}" for card in corpus.cards for name, reason in card.set_aside]
        self.unreadable: dict[str, str] = {}
        self._settings = settings
        self._corpus = corpus

    def normalisation(self) -> Normalisation:
        """See `Source`.

        Raises:
            ConfigError: among the clips that are measured, too few hold something to learn from.
        """
        tally = ClipTally()
        maker = _view_maker(self._settings)
        measured = measure_crops(self._some_crops(maker, tally), self._settings.spectrogram)
        tally.check(self.clips, self._settings.batch_size)
        return measured

    def labels(self) -> Tensor | None:
        """See `Source`: there are none."""
        return None

    def fingerprints(self) -> None:
        """See `Source`: tars would have to be read once more."""

    def steps_per_epoch(self, ranks: int) -> int:
        """See `Source`."""
        return self._order(0, ranks).batches_per_epoch

    def loader(self, rank: int, ranks: int, steps: int) -> ViewLoader:
        """See `Source`."""
        reader = TarClips(self._settings.channels)
        return _loader(self._settings, reader, self._order(rank, ranks), steps, self.unreadable)

    def _some_crops(self, maker: ViewMaker, tally: ClipTally) -> Iterator[NDArray[np.float32]]:
        samples = self._corpus.sample(MEASURED_CLIPS, maker.seed)
        with TarDecoder(self._settings.channels) as decoder:
            decoded = decoder.waveforms(samples)
            for sample, waveform in track(decoded, "measuring levels", total=min(MEASURED_CLIPS, self.clips)):
                if not isinstance(waveform, AudioError):
                    tally.add(sample.audio, waveform)
                    start = maker.crop_start(len(waveform), 0, sample.number, 0)
                    yield maker.fill(waveform[start : start + maker.crop_samples].copy())

    def _order(self, rank: int, ranks: int) -> TarOrder:
        settings = self._settings
        return TarOrder(
            self._corpus,
            settings.batch_size,
            _per_speaker(settings),
            settings.seed,
            rank,
            ranks,
            settings.shuffle_buffer,
        )


def _fingerprint(store: WaveformStore, rows: NDArray[np.int64]) -> str:
    """Returns a digest of those clips of a store that are trained on, the store's own where these are all."""
    if len(rows) == len(store):
        return store.fingerprint
    return hashlib.blake2b(store.fingerprint.encode() + rows.tobytes(), digest_size=16).hexdigest()


def _per_speaker(settings: PretrainSettings) -> int:
    return settings.batch_size // settings.speakers_per_batch if settings.negatives != "any" else 1


def _loader(
    settings: PretrainSettings, reader: ClipReader, order: Order, steps: int, unreadable: dict[str, str]
) -> ViewLoader:
    workers = default_workers() if settings.workers is None else settings.workers
    dataset = ViewDataset(reader, _view_maker(settings), with_functionals=settings.functionals_weight > 0)
    return ViewLoader(dataset, order, steps, workers, UnreadableClips(settings.max_lost, unreadable))


def _view_maker(settings: PretrainSettings) -> ViewMaker:
    rate = settings.spectrogram.sample_rate
    return ViewMaker(settings.augment, round(settings.crop_s * rate), rate, settings.seed)
