"""One tar of recordings in WebDataset's form, and the card beside it that says what the tar holds."""

import hashlib
import io
import json
import tarfile
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.configs.settings import Settings
from emoclr.corpus.audio.decoder import AUDIO_SUFFIXES

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
        return int.from_bytes(hashlib.blake2b(self.key.encode(), digest_size=8).digest(), "big") >> 1


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


def open_url(url: str) -> IO[bytes]:
    """Opens a local file, or any URL for which fsspec has a file system.

    Raises:
        OSError: there is no such file, or it cannot be reached.
        ConfigError: no installed package reads such URLs.
    """
    if "://" not in url:
        return Path(url).open("rb")
    import fsspec

    try:
        file: IO[bytes] = fsspec.open(url, "rb").open()
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{url}: {error}") from error
    return file


def read_samples(url: str, first: int = 0) -> Generator[TarSample, None, None]:
    """Yields the samples of a tar from the `first` on, in their order; those without a recording say so.

    Raises:
        BrokenTar: it cannot be opened, or breaks off after the samples that were yielded.
    """
    from webdataset.tariterators import group_by_keys, tar_file_expander

    problems: list[Exception] = []

    def stop(error: Exception) -> bool:
        problems.append(error)
        return False

    try:
        with open_url(url) as stream:
            files = tar_file_expander([{"url": url, "stream": stream}], handler=stop)
            for sample in islice(group_by_keys(files, handler=stop), first, None):
                yield _sample(url, sample)
    except OSError as error:
        problems.append(error)
    for problem in problems:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem.args[0] if problem.args else problem)
        raise BrokenTar(url, (reason or type(problem).__name__).partition(" @ ")[0])


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
        return TarCard.model_validate(json.loads(content))
    except ValueError as error:
        raise EmoclrError(
            f"{place}: is not the card of a tar ({str(error).splitlines()[0]}); delete it, or write the tars anew"
        ) from error


def write_card(path: Path, card: TarCard) -> None:
    """Writes the card of the tar at `path`, atomically."""
    content = json.dumps(card.model_dump(mode="json"), indent=1).encode() + b"\n"
    write_atomically(Path(card_name(str(path))), lambda temporary: temporary.write_bytes(content))


def _sample(url: str, sample: dict[str, Any]) -> TarSample:
    key = sample["__key__"]
    about: Any = None
    try:
        about = json.loads(sample.get("json", b"{}"))
    except ValueError:
        return TarSample(key, f"{url}: {key}.json", problem="is not JSON")
    speaker = about.get("speaker") if isinstance(about, dict) else None
    members = [name for name in sample if not name.startswith("__")]
    audio = next((name for name in members if f".{name.rpartition('.')[2]}" in AUDIO_SUFFIXES), None)
    if audio is None:
        return TarSample(key, f"{url}: {key}", problem=f"no recording in it, only {', '.join(members)}")
    return TarSample(key, f"{url}: {key}.{audio}", sample[audio], None if speaker is None else str(speaker))
