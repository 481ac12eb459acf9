"""timm's models, each with the one file of timm that defines it.

`import timm` takes all its files, torchvision, and of it PyTorch's compiler: longer than PyTorch itself, and than all
that a stored network has to do with one recording.
"""

import contextlib
import functools
import importlib
import importlib.util
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

_PACKAGES = {
    "timm": ("version",),
    "timm.data": ("constants",),
    "timm.models": ("_registry", "_builder", "_factory"),
    "torchvision": (),
    "torchvision.models": (),
    "torchvision.ops": (),
    "huggingface_hub": (),
}
"""Packages whose `__init__` takes long, and the files of each that define what is asked of it meanwhile."""

_HUB = "huggingface_hub"
"""timm needs it to download weights alone. Meanwhile nothing is found in it, as if it were not installed."""

_DEFINITION = re.compile(rb"\n@register_model\r?\ndef (\w+)\(")

_lock = threading.RLock()
_thread = threading.local()


def is_model(name: str) -> bool:
    """Returns whether timm has a model of this name.

    Examples:
        >>> is_model("resnet10t"), is_model("resnet9t")
        (True, False)
    """
    with timm_in_part():
        from timm.models import is_model as is_registered

        if name in _files() and not is_registered(name):
            importlib.import_module(f"timm.models.{_files()[name]}")
        if is_registered(name):
            return True
    import timm  # the name may be an old one, or registered elsewhere

    return bool(timm.is_model(name))


def has_known_code(name: str) -> bool:
    """Returns whether a model is timm's or ours, so that its name and the versions of both say all of its code.

    Examples:
        >>> has_known_code("resnet10t"), has_known_code("a_model_registered_elsewhere")
        (True, False)
    """
    name = name.split(".")[0]
    return name in _files() or (Path(__file__).parent / f"{name}.py").is_file()


def create_model(name: str, **options: Any) -> nn.Module:
    """Returns what `timm.create_model` does.

    Args:
        name: of the model, and after a dot of its weights.
        options: of `timm.create_model`.

    Examples:
        >>> create_model("test_resnet", num_classes=0).num_features
        96
    """
    is_model(name.split(".")[0])
    if options.get("pretrained"):
        import timm

        downloaded: nn.Module = timm.create_model(name, **options)
        return downloaded
    with timm_in_part():
        from timm.models import create_model as create

        network: nn.Module = create(name, **options)
    return network


@functools.cache
def _files() -> dict[str, str]:
    """Returns the file of `timm.models`, by the name of a model."""
    spec = importlib.util.find_spec("timm")
    assert spec is not None and spec.origin is not None
    files = sorted((Path(spec.origin).parent / "models").glob("*.py"))
    return {name.decode(): file.stem for file in files for name in _DEFINITION.findall(file.read_bytes())}


class _Deferred(ModuleType):
    """A package whose `__init__` runs when something is first asked of it, but for what is imported `timm_in_part`."""

    _places: list[str]

    def __getattr__(self, name: str) -> Any:
        if getattr(_thread, "in_part", False):
            if name == "__path__":
                return self._places
            for file in _PACKAGES[self.__name__]:
                found = importlib.import_module(f"{self.__name__}.{file}")
                if hasattr(found, name):
                    return getattr(found, name)
            if self.__name__ == _HUB:
                raise AttributeError(f"{name} of {_HUB} is found where weights are downloaded")
        with _lock:
            if self.__dict__.get("_runs", False):
                raise AttributeError(f"module {self.__name__} has no attribute {name}")
            if type(self) is _Deferred:
                self._run()
        return getattr(self, name)

    def _run(self) -> None:
        in_part, _thread.in_part = getattr(_thread, "in_part", False), False
        self._runs = True
        self.__path__ = self._places
        try:
            assert self.__spec__ is not None and self.__spec__.loader is not None
            if self.__name__ == "timm.models" and "timm.models._hub" in sys.modules:
                importlib.reload(sys.modules["timm.models._hub"])  # now it finds huggingface_hub
            self.__spec__.loader.exec_module(self)
            self.__class__ = ModuleType  # type: ignore[assignment]
        finally:
            self._runs, _thread.in_part = False, in_part


@contextlib.contextmanager
def timm_in_part() -> Iterator[None]:
    """Imports files of `_PACKAGES` without their `__init__`, which runs once anyone else asks for something in them."""
    before, _thread.in_part = getattr(_thread, "in_part", False), True
    try:
        for name in _PACKAGES:
            _defer(name)
        yield
    finally:
        _thread.in_part = before


def _defer(name: str) -> None:
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    del module.__path__
    module.__class__ = _Deferred
    module.__dict__["_places"] = spec.submodule_search_locations
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
