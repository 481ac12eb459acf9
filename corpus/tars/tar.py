"""One tar of recordings in WebDataset's form, and the card beside it that says what the tar holds."""

import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import parse_json, write_atomically
from emoclr.configs.messages import readable
from emoclr.configs.settings import Settings
from emoclr.corpus.audio.file_kinds import AUDIO_SUFFIXES
from emoclr.corpus.tars.members import Member, open_url, read_members

_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz")


class TarCard(Settings):
    """The card of a tar, a JSON of the same name beside it: enough to train from it without reading it first."""

    form: Literal[1] = 1
    clips: int = Field(ge=0)
    duration_s: float = Field(ge=0, description="of all clips together")
    size_bytes: int = Field(0, ge=0, description="of the tar")
    digest: str = Field(description="BLAKE2b of the tar, 16 bytes in hex")
    split: Literal["train", "validation", "test"] | None = None
    speakers: list[str] = []
    made_of: str = Field("", description="digest of the recordings and settings it was made of")
    set_aside: list[tuple[str, str]] = Field([], description="recordings that could not be read, and why")


class BrokenTar(EmoclrError):
    """A tar that cannot be opened, or breaks off; `reason` says why."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason

    def __reduce__(self) -> tuple[type["BrokenTar"], tuple[str, str]]:
        """Lets the error travel from a worker process, whole."""
        return type(self), (self.url, self.reason)


@dataclass(frozen=True)
class TarSample:
    """A clip in a tar, a sample of WebDataset; without `audio`, `problem` says why.

    Attributes:
        key: what WebDataset calls the sample; the same wherever the tar lies.
        name: tar and member, for messages.
        audio: the recording's bytes.
        speaker: who speaks, None where unknown.
        problem: why there is no recording.
    """

    key: str
    name: str
    audio: bytes = b""
    speaker: str | None = None
    problem: str = ""

    @property
    def number(self) -> int:
        """A number from 0 to 2**63 - 1 that follows from the key: what the clip's random draws start from."""
        key = self.key.encode(errors="surrogateescape")
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 1


def is_tar(source: str | Path) -> bool:
    """Returns whether a source is a tar, or a pattern of tars, by its ending."""
    return str(source).lower().endswith(_TAR_ENDINGS)


def card_name(tar: str) -> str:
    """Returns the path or URL of the card of a tar."""
    ending = next(ending for ending in sorted(_TAR_ENDINGS, key=len, reverse=True) if tar.lower().endswith(ending))
    return f"{tar[: -len(ending)]}.json"


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> str:
    """Writes named members as a tar, atomically, and returns its digest; the same members make the same bytes."""

    def write(temporary: Path) -> None:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in members:
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o444
                tar.addfile(member, io.BytesIO(content))

    write_atomically(path, write)
    with path.open("rb") as file:
        return digest_of(file)


def digest_of(file: IO[bytes]) -> str:
    """Returns the BLAKE2b of what is left of a file, 16 bytes in hex."""
    digest = hashlib.blake2b(digest_size=16)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def read_samples(url: str, first: int = 0) -> Generator[TarSample, None, None]:
    """Yields the samples of a tar from the `first` on, in their order; those without a recording say so.

    Members that follow each other and have one key, in WebDataset's sense, are a sample. Where several recordings are
    in it, each is a clip, with the JSON of its own name or else that of the key.

    Raises:
        BrokenTar: it cannot be opened, breaks off, or has damaged headers; what it holds beside that was yielded.
    """
    from webdataset.tariterators import base_plus_ext

    problems: list[str] = []
    samples = (
        sample
        for key, members in groupby(read_members(url, problems), key=lambda member: base_plus_ext(member.name)[0])
        if key is not None
        for sample in _samples(url, key, list(members))
    )
    yield from islice(samples, first, None)
    if problems:
        raise BrokenTar(url, "; ".join(problems))


def read_card(url: str) -> TarCard | None:
    """Returns the card of a tar, None where it has none.

    Raises:
        EmoclrError: there is one that is no card.
    """
    place = card_name(url)
    try:
        with open_url(place) as file:
            content = file.read()
    except OSError:
        return None
    try:
        # Not pydantic's JSON: it refuses what Python writes for bytes that are no UTF-8, as earlier cards hold.
        return TarCard.model_validate(parse_json(content))
    except ValueError as error:
        raise EmoclrError(
            f"{place}: is not the card of a tar ({str(error).splitlines()[0]}); delete it, or write the tars anew"
        ) from error


def write_card(path: Path, card: TarCard) -> None:
    """Writes the card of the tar at `path`, atomically."""
    content = json.dumps(card.model_dump(mode="json"), indent=1).encode() + b"\n"
    write_atomically(Path(card_name(str(path))), lambda temporary: temporary.write_bytes(content))


def _samples(url: str, key: str, members: Sequence[Member]) -> Iterator[TarSample]:
    """Yields the clips of one sample of WebDataset."""
    abouts = {_stem(member.name): member for member in members if _ending(member.name) == ".json"}
    recordings = [member for member in members if _ending(member.name) in AUDIO_SUFFIXES]
    if not recordings:
        held = ", ".join(member.name[len(key) + 1 :] for member in members)
        problem = next((member.problem for member in members if member.problem), f"no recording in it, only {held}")
        yield TarSample(key, f"{url}: {readable(key)}", problem=problem)
    stems = Counter(_stem(member.name) for member in recordings)
    for member in recordings:
        stem = _stem(member.name)
        own = key if len(recordings) == 1 else stem if stems[stem] == 1 else member.name
        yield _sample(url, own, member, abouts.get(stem) or abouts.get(key))


def _sample(url: str, key: str, recording: Member, about: Member | None) -> TarSample:
    known: Any = None
    if about is not None:
        try:
            known = parse_json(about.content)
        except ValueError:
            return TarSample(key, f"{url}: {readable(about.name)}", problem=about.problem or "is not JSON")
    speaker = known.get("speaker") if isinstance(known, dict) else None
    name = f"{url}: {readable(recording.name)}"
    return TarSample(key, name, recording.content, None if speaker is None else str(speaker), recording.problem)


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _ending(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}"
