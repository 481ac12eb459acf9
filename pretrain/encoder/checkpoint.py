"""Encoder checkpoints: weights in safetensors, everything else in YAML beside them, and nothing unpickled."""

import hashlib
import importlib.metadata
import platform
import subprocess
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import Field

from emoclr.augment.settings import IMAGE_BEFORE, WindowSeconds
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import read_yaml, write_yaml
from emoclr.configs.settings import Settings, validate
from emoclr.corpus.decoded.cache_settings import ChannelSetting
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.folders import CARD, CheckpointError, find_run
from emoclr.pretrain.encoder.tensors import load_module, save_tensors

WEIGHTS = "encoder.safetensors"
NEXT = "encoder.safetensors.next"
"""Weights whose card is being written; there only where a save was killed."""

Metrics = dict[str, Annotated[float, Field(allow_inf_nan=True)]]
"""Of a card, by name; what is not defined is NaN."""

C = TypeVar("C", bound=Settings)


class EncoderCard(Settings):
    """What `encoder.yaml` holds: all about an encoder but its weights.

    Examples:
        >>> rest = {"weights_sha256": "", "corpus_fingerprint": "", "step": 9, "steps": 10}
        >>> card = EncoderCard(encoder={"backbone": "resnet10t"}, crop_s=2.0, **rest)
        >>> card.finished
        False
    """

    format: int = Field(1, ge=1, le=1)
    encoder: EncoderSettings
    crop_s: WindowSeconds = Field(description="length of the views it was trained on, in s")
    channels: ChannelSetting = Field("auto", description="channels of recordings that it has heard")
    weights_sha256: str
    corpus_fingerprint: str
    step: int = Field(ge=0)
    steps: int = Field(ge=0)
    metrics: Metrics = {}
    versions: dict[str, str] = {}

    @property
    def finished(self) -> bool:
        """Whether training went through to its last step."""
        return self.step >= self.steps


def save_encoder(folder: Path, encoder: Encoder, **card: Any) -> EncoderCard:
    """Writes weights and card into `folder`, both or neither, and returns the card.

    The weights wait beside the old ones until their card has replaced the old card, and `load_encoder` finds them
    there: killed at any moment, the folder holds an encoder that can be loaded.

    Args:
        folder: `out/<backbone>`.
        encoder: its weights and settings are stored.
        card: the remaining fields of `EncoderCard`.

    Raises:
        EmoclrError: one of them cannot be written; the encoder that was saved before is untouched.
    """
    settle(folder)
    digest = save_tensors(folder / NEXT, encoder.state_dict())
    made = EncoderCard(encoder=encoder.settings, weights_sha256=digest, versions=package_versions(), **card)
    try:
        write_yaml(folder / CARD, made.model_dump(mode="json"))
    finally:
        settle(folder)
    return made


def settle(folder: Path) -> None:
    """Brings to an end, or takes back, what a save has left that was killed or failed.

    Raises:
        EmoclrError: the folder cannot be written to.
    """
    waiting = folder / NEXT
    if not waiting.is_file():
        return
    try:
        if _card_is_of(folder, waiting):
            waiting.replace(folder / WEIGHTS)
        else:
            waiting.unlink()
    except OSError as error:
        raise EmoclrError(f"{waiting}: cannot be moved: {error.strerror or error}") from error


def _card_is_of(folder: Path, weights: Path) -> bool:
    """Returns whether a folder's card describes these weights."""
    card = folder / CARD
    return card.is_file() and load_card(card, EncoderCard).weights_sha256 == file_sha256(weights)


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def load_encoder(folder: str | Path) -> tuple[Encoder, EncoderCard]:
    """Returns the encoder of a backbone's folder, or of a run folder with one backbone, in eval mode, and its card.

    Args:
        folder: its path, or the name of a released encoder, such as `emoclr-small/resnet10t`; see `find_run`.

    Raises:
        ConfigError: there is no such folder.
        CheckpointError: files are missing, truncated, tampered with, or do not fit each other; or the run has several
            backbones.

    Examples:
        >>> import tempfile
        >>> run = Path(tempfile.mkdtemp())
        >>> made = Encoder(EncoderSettings(backbone="test_resnet"))
        >>> _ = save_encoder(run / "test_resnet", made, crop_s=2.0, corpus_fingerprint="", step=1, steps=1)
        >>> encoder, card = load_encoder(run)
        >>> encoder.features, card.crop_s
        (192, 2.0)
    """
    folder = only_backbone(folder)
    card = load_card(folder / CARD, EncoderCard)
    waiting = folder / NEXT
    weights = waiting if waiting.is_file() and _card_is_of(folder, waiting) else folder / WEIGHTS
    try:
        encoder = load_module(partial(Encoder, card.encoder), weights, card.weights_sha256)
    except ConfigError as error:
        raise CheckpointError(f"{folder / CARD}: {error}") from error
    return encoder.eval(), card


def only_backbone(source: str | Path) -> Path:
    """Returns the backbone's folder in a run folder that has one; the folder itself where it is a backbone's, or empty.

    Raises:
        ConfigError: the run is not there.
        CheckpointError: it has several backbones.
    """
    run = find_run(source)
    folders = [run] if (run / CARD).exists() else sorted(path.parent for path in run.glob(f"*/{CARD}"))
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise CheckpointError(f"{source}: holds {len(folders)} backbones ({names}); give the folder of one")
    return folders[0] if folders else run


def untrained_encoder(card: EncoderCard, seed: int) -> Encoder:
    """Returns an encoder of the same architecture and normalisation with random weights, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoder(card.encoder).eval()


def load_card(path: Path, model: type[C]) -> C:
    """Returns a card read from YAML.

    Raises:
        CheckpointError: it is missing, or its content is not a card of this kind.
    """
    try:
        return validate(model, _as_it_was(read_yaml(path)), str(path))
    except ConfigError as error:
        raise CheckpointError(*error.args) from error


def _as_it_was(content: Any) -> Any:
    """Returns what a card holds, with what had no setting when it was written."""
    if not isinstance(content, dict):
        return content
    found = {key: _as_it_was(value) for key, value in content.items()}
    if isinstance(spectrogram := found.get("spectrogram"), dict):
        found["spectrogram"] = {**IMAGE_BEFORE, **spectrogram}
    return found


def package_versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that decide numbers."""
    names = (
        "emoclr",
        "torch",
        "timm",
        "lightly",
        "pytorch-lightning",
        "librosa",
        "audiomentations",
        "soundfile",
        "av",
        "soxr",
        "numpy",
    )
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def git_commit() -> str | None:
    """Returns the commit this package is checked out at, with `+` where files differ from it; None elsewhere."""
    here = Path(__file__).parent
    try:
        commit, changed = (
            subprocess.run(["git", *command], cwd=here, capture_output=True, text=True, check=True, timeout=10).stdout
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.strip() + ("+" if changed.strip() else "")
