"""Sharded tars as one corpus: how many clips they hold, and any stretch of them, tar after tar."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.console import say, track
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import parse_json, write_atomically
from emoclr.configs.messages import count_of
from emoclr.corpus.audio.decoder import SAMPLE_RATE, AudioError
from emoclr.corpus.parallel.processes import usable_cores
from emoclr.corpus.tars.members import open_url
from emoclr.corpus.tars.tar import BrokenTar, TarCard, TarSample, is_tar, read_card, read_samples
from emoclr.corpus.tars.tar_decoder import TarDecoder, batches

_AT_ONCE = 16
"""Cards and tars that are read at the same time: what they wait for is mostly the other end of a network."""

_TAIL_BYTES = 1 << 16

_COUNT_VERSION = 2
"""Of what is remembered of tars; other rules of what is a clip get another number."""


@dataclass(frozen=True, eq=False)
class TarCorpus:
    """Tars of a corpus, in the order of their names in the settings; `cards[i]` belongs to `urls[i]`."""

    urls: list[str]
    cards: list[TarCard]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many clips each tar holds, int64 `(tars,)`."""
        return np.array([card.clips for card in self.cards], dtype=np.int64)

    @property
    def duration_s(self) -> float:
        """Length of all clips together, in seconds."""
        return sum(card.duration_s for card in self.cards)

    @property
    def speaker_names(self) -> list[str]:
        """The speakers, sorted."""
        return sorted({name for card in self.cards for name in card.speakers})

    @property
    def fingerprint(self) -> str:
        """Hex digest of what the tars hold; the same wherever they lie."""
        return hashlib.sha256(json.dumps([card.digest for card in self.cards]).encode()).hexdigest()[:32]

    def stretch(self, order: NDArray[np.int64], first: int, end: int) -> Iterator[TarSample]:
        """Yields clips `first` to `end` of the tars as they follow each other in `order`.

        Tars that lie wholly outside are not opened. Always `end - first` samples: one that its tar should hold and
        that cannot be read says so.
        """
        last = np.cumsum(self.counts[order])
        for tar, tar_end in zip(order, last, strict=True):
            begin = tar_end - self.cards[tar].clips
            if tar_end > first and begin < end:
                yield from self._part(tar, max(0, first - begin), min(self.cards[tar].clips, end - begin))

    def sample(self, clips: int, seed: int) -> Iterator[TarSample]:
        """Yields about as many clips, the first of each tar, fewer where the corpus has not as many."""
        share = -(-clips // len(self.urls))
        for tar in np.random.default_rng(seed).permutation(len(self.urls)):
            yield from self._part(int(tar), 0, min(share, self.cards[tar].clips))

    def _part(self, tar: int, first: int, end: int) -> Iterator[TarSample]:
        url, problem, place = self.urls[tar], "the tar holds fewer clips than its card says", first
        with closing(read_samples(url, first)) as samples:
            try:
                for sample in islice(samples, end - first):
                    place += 1
                    yield sample
            except BrokenTar as error:
                problem = error.reason
        for number in range(place, end):
            yield TarSample(f"{Path(url).name}#{number}", f"{url}: clip {number}", problem=problem)


def expand_tars(sources: Sequence[str | Path]) -> list[str]:
    """Returns the tars of patterns in brace notation, such as `corpus-{000000..000127}.tar`.

    Raises:
        ConfigError: a brace is not closed, a source is no tar, or a tar comes twice.
    """
    from braceexpand import UnbalancedBracesError, braceexpand

    urls: list[str] = []
    for source in map(str, sources):
        if not is_tar(source):
            raise ConfigError(f"{source}: is no tar, and tars cannot be mixed with other sources; shard all, or none")
        try:
            urls += braceexpand(source)
        except UnbalancedBracesError as error:
            raise ConfigError(
                f"{source}: a brace is not closed; write such as corpus-{{000000..000127}}.tar"
            ) from error
    for url, count in Counter(urls).items():
        if count > 1:
            raise ConfigError(f"{url}: is named twice")
    return urls


def open_tars(sources: Sequence[str | Path], splits: Sequence[str] | None, cache_dir: Path) -> TarCorpus:
    """Returns the corpus that some tars hold together.

    A tar without a card is read once to count its clips; what was counted is remembered in `cache_dir`.

    Args:
        sources: tars, or patterns of them in brace notation: files or URLs.
        splits: tars of another split are left out; None keeps all. A tar that names none is kept.
        cache_dir: where what was counted is kept.

    Raises:
        ConfigError: a pattern is wrong, or no tar is of these splits.
        EmoclrError: a tar or its card cannot be read.
    """
    urls = expand_tars(sources)
    cards = _in_threads(lambda url: read_card(url) or _remembered(url, cache_dir), urls, "reading cards")
    missing = [url for url, card in zip(urls, cards, strict=True) if card is None]
    if missing:
        say(f"{len(missing)} of {len(urls)} tars have no card beside them and are read once, to count their clips")
        with ExitStack() as stack:
            decoders: SimpleQueue[TarDecoder] = SimpleQueue()
            for _ in range(min(usable_cores(), len(missing))):
                decoders.put(stack.enter_context(TarDecoder()))
            counted = _in_threads(lambda url: _count(url, cache_dir, decoders), missing, "counting")
        cards = [card or counted[missing.index(url)] for url, card in zip(urls, cards, strict=True)]
    found = [(url, card) for url, card in zip(urls, cards, strict=True) if card is not None and card.clips]
    kept = [(url, card) for url, card in found if splits is None or card.split is None or card.split in splits]
    if not kept:
        among = f" in the splits {', '.join(splits)}" if splits and found else ""
        raise ConfigError(f"no clips{among} in {', '.join(map(str, sources))}")
    return TarCorpus([url for url, _ in kept], [card for _, card in kept])


def _in_threads(work: Callable[[str], TarCard | None], urls: Sequence[str], description: str) -> list[TarCard | None]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(track(pool.map(work, urls), description, total=len(urls)))


def _remembered(url: str, cache_dir: Path) -> TarCard | None:
    """Returns what an earlier run counted in this tar."""
    try:
        return TarCard.model_validate(parse_json(_memory_of(url, cache_dir).read_bytes()))
    except (OSError, ValueError):  # there is none, or a disk has damaged it
        return None


def _memory_of(url: str, cache_dir: Path) -> Path:
    """Returns where the count of a tar is kept: under its place, its size and its last bytes."""
    try:
        with open_url(url) as file:
            size_bytes = file.seek(0, 2)
            file.seek(max(0, size_bytes - _TAIL_BYTES))
            tail = file.read()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise EmoclrError(f"{url}: {reason}") from error
    identity = [_COUNT_VERSION, url if "://" in url else str(Path(url).absolute()), size_bytes, tail.hex()]
    name = hashlib.blake2b(json.dumps(identity).encode(), digest_size=16).hexdigest()
    return cache_dir / "tars" / f"{name}.json"


def _count(url: str, cache_dir: Path, decoders: SimpleQueue[TarDecoder]) -> TarCard:
    """Returns the card of a tar that has none, after reading all of it by decoders that are free, and remembers it."""
    digest = hashlib.blake2b(digest_size=16)
    clips, samples, speakers = 0, 0, set[str]()
    try:
        for batch in batches(read_samples(url)):
            decoder = decoders.get()
            try:
                for sample, waveform in decoder.waveforms(batch):
                    clips += 1
                    digest.update(sample.key.encode(errors="surrogateescape") + b"\0" + sample.audio)
                    if sample.speaker is not None:
                        speakers.add(sample.speaker)
                    if isinstance(waveform, AudioError):
                        say(str(waveform))
                    else:
                        samples += len(waveform)
            finally:
                decoders.put(decoder)
    except BrokenTar as error:
        say(f"{error}; {count_of(clips, 'clip')} beside that")
    card = TarCard(
        clips=clips,
        duration_s=round(samples / SAMPLE_RATE, 3),
        digest=digest.hexdigest(),
        speakers=sorted(speakers),
    )
    content = json.dumps(card.model_dump(mode="json")).encode()  # a speaker may hold half a surrogate pair
    write_atomically(_memory_of(url, cache_dir), lambda temporary: temporary.write_bytes(content))
    return card
