"""Weights in safetensors: written with their SHA-256, and loaded only into the network that they are of."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import write_atomically
from emoclr.pretrain.encoder.folders import CheckpointError

SPARE_BYTES = 16 << 20
"""What a file holds beside the weights of a network, at most: its header."""
MIN_WEIGHT_BYTES = 2
"""Of a weight in half precision."""

M = TypeVar("M", bound=nn.Module)


class _Undrawn(TorchFunctionMode):
    """Leaves initial weights as they lie in memory, in whatever layout: others take their place."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_) or getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else (kwargs or {})["tensor"]
        if func is Tensor.to and set(kwargs or {}) == {"memory_format"} and len(args) == 1:
            return torch.empty_like(args[0], **(kwargs or {}))
        return func(*args, **(kwargs or {}))


class _TooManyWeights(EmoclrError):
    """A network has more weights than its file can hold."""


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> str:
    """Writes tensors as safetensors, atomically, and returns the SHA-256 of the file."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = safetensors.torch.save(stored)
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return hashlib.sha256(content).hexdigest()


def load_module(make: Callable[[], M], path: Path, sha256: str) -> M:
    """Returns a module with the weights of a safetensors file whose SHA-256 is known.

    A module with more weights than the file can hold is not made to its end: a card alone takes no memory.

    Args:
        make: returns the module.
        path: of the file.
        sha256: of the file, in hex.

    Raises:
        ConfigError: timm has no such backbone.
        CheckpointError: the file is missing, is not the one the card describes, or holds other tensors.
    """
    try:
        with _max_weights(_size(path) // MIN_WEIGHT_BYTES), _Undrawn():
            module = make()
    except _TooManyWeights as error:
        load_tensors(path, sha256)  # one that was cut off is told to be so
        raise CheckpointError(f"{path}: its tensors do not fit the architecture of its card: {error}") from None
    own = module.state_dict()
    size = sum(tensor.numel() * tensor.element_size() for tensor in own.values())
    tensors = load_tensors(path, sha256, max_bytes=2 * size + SPARE_BYTES)
    _check_fit(path, tensors, own)
    torch._foreach_copy_(list(own.values()), [tensors[name] for name in own])
    return module


def load_tensors(path: Path, sha256: str, max_bytes: int | None = None) -> dict[str, Tensor]:
    """Returns the tensors of a safetensors file whose SHA-256 is known.

    Raises:
        CheckpointError: the file is missing, is not the one that its card describes, or has more than `max_bytes`.
    """
    if max_bytes is not None and (size := _size(path)) > max_bytes:
        raise CheckpointError(f"{path}: has {size:,} bytes, where the network of its card takes {max_bytes:,} at most")
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error


@contextlib.contextmanager
def _max_weights(limit: int) -> Iterator[None]:
    """Raises _TooManyWeights where this thread makes modules of more weights."""
    thread, count = threading.get_ident(), 0

    def add(module: nn.Module, name: str, weights: nn.Parameter) -> None:
        nonlocal count
        if threading.get_ident() == thread:
            count += weights.numel()
            if count > limit:
                raise _TooManyWeights(f"that has more than the {limit:,} weights that the file could hold")

    hook = register_module_parameter_registration_hook(add)
    try:
        yield
    finally:
        hook.remove()


def _check_fit(path: Path, stored: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError where names, sizes or kinds of numbers differ from those of a network."""
    described = ({(name, tensor.shape) for name, tensor in tensors.items()} for tensors in (stored, own))
    if wrong := {name for name, _ in set.symmetric_difference(*described)}:
        raise CheckpointError(
            f"{path}: its tensors do not fit the architecture of its card: {len(wrong)} are missing, of another size "
            f"or too many, such as {min(wrong)}"
        )
    for name, tensor in stored.items():
        if tensor.is_floating_point() != own[name].is_floating_point() or tensor.is_complex():
            raise CheckpointError(f"{path}: {name} holds {tensor.dtype}, where {own[name].dtype} is expected")
