"""What is found out about a network once on a machine, and kept: loading it again takes less."""

import functools
import hashlib
import json
import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from pydantic import TypeAdapter, ValidationError

from emoclr.configs.errors import EmoclrError
from emoclr.configs.files import parse_json, write_atomically
from emoclr.corpus.decoded.cache import default_cache_dir
from emoclr.pretrain.networks import timm_models

MAX_KEPT = 300
"""Entries of a file; the oldest go first."""

V = TypeVar("V")


class Kept(Generic[V]):
    """Values that were found once, in a file of the cache folder, by the networks that they are of.

    Args:
        name: of the file, without its ending.
        kind: type of the values, which pydantic knows.

    Examples:
        >>> sizes: Kept[int] = Kept("sizes", int)
        >>> sizes.take({"a": 3})
        >>> sizes.found([("a", lambda: 4)])
        [3]
    """

    def __init__(self, name: str, kind: Any) -> None:
        self._name = name
        self._kind: TypeAdapter[V] = TypeAdapter(kind)
        self._lock = threading.Lock()
        self._known: dict[str, V] = {}

    @property
    def path(self) -> Path:
        """The file."""
        return default_cache_dir() / f"{self._name}.json"

    def found(self, finds: Sequence[tuple[str, Callable[[], V]]]) -> list[V]:
        """Returns the values of these keys; those that nobody found before are found, and kept."""
        with self._lock:
            if any(key not in self._known for key, _ in finds):
                self._known.update(self._read())
            new = {key: find for key, find in finds if key not in self._known}
            if new:
                self._known.update({key: find() for key, find in new.items()})
                self._known.update(self._read())  # another process may have been first
                latest = list(self._known.items())[-MAX_KEPT:]
                text = json.dumps({key: self._kind.dump_python(value, mode="json") for key, value in latest}, indent=1)
                with suppress(EmoclrError):  # then each process finds them
                    write_atomically(self.path, lambda path: path.write_text(text))
            return [self._known[key] for key, _ in finds]

    def known(self) -> dict[str, V]:
        """Returns all that this process knows."""
        with self._lock:
            return {**self._known}

    def take(self, known: Mapping[str, V]) -> None:
        """Takes what another process knows for this one's."""
        with self._lock:
            self._known.update(known)

    def forget(self) -> None:
        """Forgets what this process knows; the file stays."""
        with self._lock:
            self._known.clear()

    def _read(self) -> dict[str, V]:
        """Returns what is kept; without what is damaged or another's."""
        try:
            found = parse_json(self.path.read_bytes())
        except (OSError, ValueError):
            return {}
        kept: dict[str, V] = {}
        for key, value in found.items() if isinstance(found, dict) else ():
            with suppress(ValidationError):
                kept[key] = self._kind.validate_json(json.dumps(value), strict=True)
        return kept


def network_key(*parts: object) -> str:
    """Returns a key of what these say, on this kind of processor, with these versions of PyTorch, timm and ours."""
    with timm_models.timm_in_part():
        from timm.version import __version__ as timm_version
    told = [_machine(), torch.__version__, timm_version, _own_code(), *parts]
    return hashlib.sha256("\n".join(map(str, told)).encode()).hexdigest()


def architecture_key(backbone: str, *parts: object) -> str | None:
    """Returns a key of what follows from a backbone's architecture; None where its name does not say that.

    Examples:
        >>> len(architecture_key("resnet10t", 3) or ""), architecture_key("a_model_registered_elsewhere")
        (64, None)
    """
    return network_key(backbone, *parts) if timm_models.has_known_code(backbone) else None


@functools.cache
def _machine() -> str:
    """Returns what tells one kind of processor from another."""
    with suppress(OSError):
        first, *_ = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")
        names = ("model", "cpu family", "stepping", "flags", "CPU part", "Features")
        return "\n".join(line for line in first.splitlines() if line.startswith(names))
    return f"{platform.machine()} {platform.processor()}"


@functools.cache
def _own_code() -> str:
    """Returns a digest of this folder: what it finds out changes with it."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        with suppress(OSError):
            found.update(path.read_bytes())
    return found.hexdigest()
