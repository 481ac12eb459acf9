"""Which folders hold runs and their encoders: found without torch, so that a wrong one is refused at once."""

import functools
import importlib.util
from fnmatch import fnmatch
from pathlib import Path

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.messages import gigabytes, one_line

RUN = "run.yaml"
"""Card of a run folder."""

CARD = "encoder.yaml"
"""Card of a backbone's folder."""

EMOTIONS = ("ensemble.yaml", "model.yaml")
"""Cards of what `finetune` makes of encoders: of an ensemble, and of one model."""

RELEASE = "release.yaml"
"""Card of a released folder: its data, licence and numbers."""

FINGERPRINTS = "fingerprints.npy"
"""Fingerprints of the clips that an encoder was pretrained on, beside its weights."""

RELEASED_IN = "emoclr.checkpoints"
HUB = "hf:"
RELEASE_FILES = ("README.md", "*.yaml", "*.safetensors", f"*{FINGERPRINTS}")
MAX_DOWNLOAD_BYTES = 8_000_000_000
MAX_DOWNLOAD_FILES = 4_000

GIVE = "give a run folder, one backbone's folder, or hf:OWNER/NAME"


class CheckpointError(EmoclrError):
    """A checkpoint that is missing, truncated, foreign or tampered with.

    Examples:
        >>> CheckpointError("checkpoints/my-run: no encoder.yaml in it").exit_code
        1
    """


def is_named(source: str | Path) -> bool:
    """Returns whether a source is the name of a released model or an address of the hub, and not a path."""
    first = (*Path(source).parts, "")[0]
    return not Path(source).exists() and (str(source).startswith(HUB) or first in released_models())


def find_run(source: str | Path, give: str = GIVE) -> Path:
    """Returns the folder of a run: the one of that path, else the released one of that name, or one of the hub.

    Args:
        source: a path, the name of a released model (`emoclr-small`, or `emoclr-small/BACKBONE`), or
            `hf:OWNER/NAME[/BACKBONE][@REVISION]`, which is downloaded once.
        give: what would be right, for the message.

    Raises:
        ConfigError: there is none; the message lists the released ones.
        EmoclrError: it cannot be had from the hub.

    Examples:
        >>> find_run("nowhere")
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: nowhere: no such folder; ...
    """
    if Path(source).is_dir():
        return Path(source)
    if is_named(source):
        if str(source).startswith(HUB):
            return _from_hub(str(source))
        name, *below = Path(source).parts
        if (found := released_models()[name].joinpath(*below)).is_dir() and ".." not in below:
            return found
    released = ", ".join(released_models())
    raise ConfigError(f"{source}: no such folder; {give}{released and f'; released are {released}'}")


def released_models() -> dict[str, Path]:
    """Returns the folders of the models that came with the package, by name."""
    spec = importlib.util.find_spec(RELEASED_IN)
    homes = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    return {path.parent.name: path.parent for home in homes for path in sorted(home.glob(f"*/{RELEASE}"))}


@functools.cache
def _from_hub(address: str) -> Path:
    """Returns the folder in the hub's cache with the files of `hf:OWNER/NAME[/BACKBONE][@REVISION]`.

    Raises:
        ConfigError: the address is none, or nothing is there.
        EmoclrError: it is too large, or cannot be downloaded.
    """
    place, _, revision = address.removeprefix(HUB).partition("@")
    owner, *names = place.split("/")
    if not owner or not names or not all(names) or ".." in names:
        raise ConfigError(f"{address}: is no address of the hub, which is written hf:OWNER/NAME[/BACKBONE][@REVISION]")
    say(f"looking up {address}")
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        folder = _downloaded(f"{owner}/{names[0]}", revision)
    except EmoclrError as error:
        raise EmoclrError(f"{address}: {error}") from error
    except LocalEntryNotFoundError as error:
        raise EmoclrError(
            f"{address}: the hub cannot be reached, and nothing was downloaded from there before; give a folder"
        ) from error
    except RepositoryNotFoundError as error:
        raise ConfigError(
            f"{address}: the hub has no such repository, or shows it to others alone (`hf auth login`)"
        ) from error
    except RevisionNotFoundError as error:
        raise ConfigError(f"{address}: the repository has no revision {revision}") from error
    except Exception as error:  # of the hub, of what carries its answers, of the disk
        raise EmoclrError(f"{address}: cannot be downloaded: {one_line(error)}") from error
    found = Path(folder).joinpath(*names[1:])
    if not found.is_dir():
        raise ConfigError(f"{address}: the repository has no folder {'/'.join(names[1:])}")
    return found


def _downloaded(repository: str, revision: str) -> Path:
    """Returns the folder in the hub's cache with the files of a release; where the hub is away, what is there.

    Raises:
        EmoclrError: they are too many or too large for a release.
        Exception: whatever the hub raises.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    patterns = list(RELEASE_FILES)
    try:
        about = HfApi().model_info(repository, revision=revision or None, files_metadata=True)
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise
    except Exception:  # the hub is away
        about = None
    if about is not None:
        files = [file for file in about.siblings or [] if any(fnmatch(file.rfilename, name) for name in patterns)]
        size = sum(file.size or 0 for file in files)
        if size > MAX_DOWNLOAD_BYTES or len(files) > MAX_DOWNLOAD_FILES:
            raise EmoclrError(f"has {len(files):,} files of {gigabytes(size)}, too much for a model")
        if not files:
            raise EmoclrError("the repository holds no model of emoclr")
    return Path(snapshot_download(repository, revision=revision or None, allow_patterns=patterns))


def check_run_folder(folder: Path) -> None:
    """Checks that a folder holds a run.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds no run.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give the --out of a run")
    if not (folder / RUN).is_file():
        raise CheckpointError(f"{folder}: is no run folder: it holds no {RUN}")


def backbone_folders(run: str | Path, card: str = CARD) -> list[Path]:
    """Returns the backbone folders of a run folder, or the folder itself where it is one, sorted by name.

    Args:
        run: a run folder, or one backbone's folder; see `find_run`.
        card: the file that makes a folder a backbone's: `encoder.yaml` or `model.yaml`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: it holds none.
    """
    found = find_run(run)
    if (found / card).is_file():
        return [found]
    folders = sorted(path.parent for path in found.glob(f"*/{card}"))
    if not folders:
        if card == CARD and any((found / name).is_file() for name in EMOTIONS):
            raise CheckpointError(f"{run}: holds emotion models of `finetune`, and no {card}; give a run of `pretrain`")
        raise CheckpointError(f"{run}: no {card} in it, nor in a folder below it; {GIVE}")
    return folders
