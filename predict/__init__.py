"""An ensemble and any recordings in, emotions over time out.

Recordings are heard in overlapping windows; their logits are averaged, or written window by window as a timeline. What
cannot be read goes into a table of errors, and the rest goes on.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
