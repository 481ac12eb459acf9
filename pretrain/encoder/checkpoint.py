"""Encoder checkpoints: weights in safetensors, everything else in YAML beside them, and nothing unpickled."""

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor, nn

from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import read_yaml, write_atomically, write_yaml
from emoclr.configs.settings import Settings, validate
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.folders import CARD, CheckpointError

WEIGHTS = "encoder.safetensors"
NEXT = "encoder.safetensors.next"
"""Weights whose card is being written; there only where a save was killed."""

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
    crop_s: float = Field(gt=0, description="length of the views it was trained on, in s")
    weights_sha256: str
    corpus_fingerprint: str
    step: int = Field(ge=0)
    steps: int = Field(ge=0)
    metrics: dict[str, float] = {}
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

    Raises:
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
    folder = only_backbone(Path(folder))
    card = load_card(folder / CARD, EncoderCard)
    try:
        encoder = Encoder(card.encoder)
    except ConfigError as error:
        raise CheckpointError(f"{folder / CARD}: {error}") from error
    waiting = folder / NEXT
    weights = waiting if waiting.is_file() and _card_is_of(folder, waiting) else folder / WEIGHTS
    load_into(encoder, weights, card.weights_sha256)
    return encoder.eval(), card


def only_backbone(run: Path) -> Path:
    """Returns the backbone's folder in a run folder that has one; the folder itself where it is a backbone's, or empty.

    Raises:
        CheckpointError: the run is not there, or has several backbones.
    """
    if not run.exists():
        raise CheckpointError(f"{run}: no such folder")
    folders = [run] if (run / CARD).exists() else sorted(path.parent for path in run.glob(f"*/{CARD}"))
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise CheckpointError(f"{run}: holds {len(folders)} backbones ({names}); give the folder of one")
    return folders[0] if folders else run


def untrained_encoder(card: EncoderCard, seed: int) -> Encoder:
    """Returns an encoder of the same architecture and normalisation with random weights, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoder(card.encoder).eval()


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> str:
    """Writes tensors as safetensors, atomically, and returns the SHA-256 of the file."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = safetensors.torch.save(stored)
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return hashlib.sha256(content).hexdigest()


def load_into(module: nn.Module, path: Path, sha256: str) -> None:
    """Fills a module with the weights of a safetensors file whose SHA-256 is known.

    Raises:
        CheckpointError: the file is missing, is not the one the card describes, or holds other tensors.
    """
    tensors = load_tensors(path, sha256)
    stored, own = ({(name, tensor.shape) for name, tensor in state.items()} for state in (tensors, module.state_dict()))
    if wrong := {name for name, _ in stored ^ own}:
        raise CheckpointError(
            f"{path}: its tensors do not fit the architecture of its card: {len(wrong)} are missing, of another size "
            f"or too many, such as {min(wrong)}"
        )
    module.load_state_dict(tensors)


def load_tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    """Returns the tensors of a safetensors file whose SHA-256 is known.

    Raises:
        CheckpointError: the file is missing, or is not the one that its card describes.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(
            f"{path}: is not the file that its card describes ({len(content)} bytes, SHA-256 differs): it was "
            "truncated, exchanged or changed; copy it again, or save it anew with `--resume`"
        )
    try:
        return dict(safetensors.torch.load(content))
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: is not a safetensors file: {error}") from error


def load_card(path: Path, model: type[C]) -> C:
    """Returns a card read from YAML.

    Raises:
        CheckpointError: it is missing, or its content is not a card of this kind.
    """
    try:
        return validate(model, read_yaml(path), str(path))
    except ConfigError as error:
        raise CheckpointError(*error.args) from error


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
