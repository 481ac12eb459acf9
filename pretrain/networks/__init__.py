"""Networks of our own beside timm's: registered with timm, each is a backbone by its name.

A network is a module that takes images and gives feature maps as a CNN of timm does. Its file calls `register_model`,
and `backbones: [framewise_cnn]` trains it.
"""

from emoclr.pretrain.networks.timm_models import timm_in_part

with timm_in_part():
    from emoclr.pretrain.networks.framewise_cnn import FramewiseCNN

__all__ = ["FramewiseCNN"]
