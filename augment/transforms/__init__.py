"""Waveform augmentations of our own, in the form of audiomentations: each file here is one.

A config calls it by the file's name in CamelCase, which is also the name of its class: `add_noise.py` holds `AddNoise`.
A view must cost a fraction of what the network costs, or a data process cannot keep up with training. What they share
is in `dsp`.
"""

import importlib
import pkgutil
from typing import Any


def own_names() -> frozenset[str]:
    """Returns the names of all transforms here, by their files: nothing is imported.

    >>> sorted(own_names())
    ['AddNoise', 'Equalizer', 'RoomResponse']
    """
    return frozenset(_modules())


def own_transform(name: str) -> Any:
    """Returns the class of this name, None where no file here defines it."""
    module = _modules().get(name)
    return module and getattr(importlib.import_module(f"{__name__}.{module}"), name)


def _modules() -> dict[str, str]:
    """Returns the modules of this folder by the names of their transforms."""
    files = [module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg]
    return {"".join(word.capitalize() for word in file.split("_")): file for file in files}
