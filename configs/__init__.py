"""YAML in, validated settings out, and what every command shares: errors, atomic files, the console.

The YAML files beside this module are the shipped configs, found by their bare names. The settings themselves live
beside the code they configure; `load_settings` fills them and refuses what they do not know.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
