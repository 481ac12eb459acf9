"""An ensemble and any recordings in, emotions over time out.

An ensemble predicts overlapping windows of a recording. Their logits are pooled into one row a recording, or written as
a timeline. Recordings that cannot be read go into a table of errors.

The package can be called, as `emoclr.predict(ensemble, recordings)`: see `predict_frame`.
"""

import sys
import types
from typing import Any

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


class _CallableModule(types.ModuleType):
    """A package that is a function, too: `emoclr.predict` names both, whatever was imported before."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Returns what `predict_frame` returns."""
        return self.predict_frame(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
