"""Networks that learn no more made quicker: batch norms in the convolutions before them, activations behind."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from emoclr.configs.settings import Settings
from emoclr.pretrain.networks.fused import ACTIVATIONS, FusedResidual, fits, quick_layer
from emoclr.pretrain.networks.kept import Kept

MAX_CHANGE = 1e-4
"""Of outputs, as a share of the largest one: sums are rounded otherwise."""


class _Seen(NamedTuple):
    """What came out of a network, the convolution before each batch norm, and the activation behind each layer.

    Of an activation there is also the batch norm between, None where there is none.
    """

    output: Tensor
    norms: dict[nn.BatchNorm2d, nn.Conv2d]
    behind: dict[nn.Module, tuple[nn.Module, nn.BatchNorm2d | None]]


class Plan(Settings):
    """What makes a network quicker, by the names of its modules."""

    norms: dict[str, str] = Field(description="of batch norms, the convolution that each is folded into")
    fuses: bool = Field(description="whether layers take activations and sums along")
    behind: dict[str, str] = Field(description="of layers, the activation that each takes along")

    def follow(self, network: nn.Module) -> bool:
        """Makes a network quicker, and returns whether it has the modules for it; without them it stays as it was."""
        modules = dict(network.named_modules())
        norms = [(modules.get(norm), modules.get(conv)) for norm, conv in self.norms.items()]
        behind = [(modules.get(layer), modules.get(activation)) for layer, activation in self.behind.items()]
        fits = all(isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d) for norm, conv in norms)
        if not fits or not all(layer is not None and type(activation) in ACTIVATIONS for layer, activation in behind):
            return False
        changes = _Changes()
        with torch.no_grad():
            changes.fold(network, cast(Any, dict(norms)))
            if self.fuses:
                changes.fuse(network, cast(Any, dict(behind)))
        return True


_KEPT: Kept[Plan | None] = Kept("quicker", Plan | None)


def quicken(network: nn.Module, run: Callable[[], Tensor], key: str | None = None) -> bool:
    """Makes a network that learns no more quicker, and returns whether that was done.

    A batch norm that takes what a convolution gave is folded into it: in inference both are one linear map. Then layers
    take the activation behind them along, and a residual block its sum, see `emoclr.pretrain.networks.fused`; that
    needs oneDNN. Where outputs change by one of these, because something else takes what is between, too, it is left
    undone.

    Args:
        network: in eval mode.
        run: sends something through it and returns what comes out.
        key: of the network and its weights, by which it is kept what was done: another time nothing is sent through.

    Examples:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        >>> expected = network(torch.ones(1, 3, 4, 4))
        >>> quicken(network, lambda: network(torch.ones(1, 3, 4, 4)))
        True
        >>> sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        0
        >>> torch.allclose(network(torch.ones(1, 3, 4, 4)), expected)
        True
    """
    if key is not None:
        (kept,) = _KEPT.found([(key, lambda: _find_plan(network, run))])
        if kept is None or kept.follow(network):
            return kept is not None
    plan = _find_plan(network, run)
    return plan is not None and plan.follow(network)


def _find_plan(network: nn.Module, run: Callable[[], Tensor]) -> Plan | None:
    """Returns what makes a network quicker and leaves what `run` returns; None for nothing."""
    can_fuse = all(hasattr(torch.ops.mkldnn, name) for name in ("_convolution_pointwise", "_linear_pointwise"))
    names = {module: name for name, module in network.named_modules()}
    with torch.no_grad():
        seen = _watch(network, run)
        for folds, fuses in ((True, True), (True, False), (False, True)):
            if fuses and not can_fuse:
                continue
            changes = _Changes()
            norms = seen.norms if folds else {}
            changes.fold(network, norms)
            behind: dict[nn.Module, nn.Module] = {}
            if fuses:
                behind = {layer: act for layer, (act, norm) in seen.behind.items() if norm is None or norm in norms}
                changes.fuse(network, behind)
            try:
                agrees = bool((run() - seen.output).abs().max() <= MAX_CHANGE * seen.output.abs().max())
            except RuntimeError:  # of a CPU whose oneDNN lacks it
                agrees = False
            changes.undo()
            if agrees:
                plan = Plan(
                    norms={names[norm]: names[conv] for norm, conv in norms.items()},
                    fuses=fuses,
                    behind={names[layer]: names[activation] for layer, activation in behind.items()},
                )
                return plan if changes.made else None
    return None


class _Changes:
    """Changes of a network that can be undone."""

    def __init__(self) -> None:
        self._children: list[tuple[nn.Module, str, nn.Module]] = []
        self._weights: list[tuple[nn.Conv2d, Any, Any]] = []

    @property
    def made(self) -> bool:
        """Whether there is any."""
        return bool(self._children)

    def fold(self, network: nn.Module, norms: Mapping[nn.BatchNorm2d, nn.Conv2d]) -> None:
        """Folds batch norms into convolutions."""
        for parent, name, norm in _children(network):
            if isinstance(norm, nn.BatchNorm2d) and norm in norms:
                conv, mean, variance = norms[norm], norm.running_mean, norm.running_var
                assert mean is not None and variance is not None  # or it would not be among them
                self._weights.append((conv, conv.weight, conv.bias))
                conv.weight, conv.bias = fuse_conv_bn_weights(
                    conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
                )
                self._put(parent, name, nn.Sequential(*norm.children()))  # timm's have an activation inside

    def fuse(self, network: nn.Module, behind: Mapping[nn.Module, nn.Module]) -> None:
        """Puts quick layers in the place of those that have one, and of the activations behind them."""
        for parent, name, block in _children(network):
            if residual := _residual(block):
                self._put(parent, name, residual)
        taken = set(behind.values())
        for parent, name, layer in _children(network):
            quick = nn.Identity() if layer in taken else quick_layer(layer, behind.get(layer))
            if quick is not None:
                self._put(parent, name, quick)

    def undo(self) -> None:
        """Brings the network back to what it was."""
        for parent, name, child in reversed(self._children):
            setattr(parent, name, child)
        for conv, weight, bias in reversed(self._weights):
            conv.weight, conv.bias = weight, bias

    def _put(self, parent: nn.Module, name: str, child: nn.Module) -> None:
        self._children.append((parent, name, getattr(parent, name)))
        setattr(parent, name, child)


def _children(network: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Returns each module of a network, with its parent and its name there."""
    return [(parent, name, child) for parent in network.modules() for name, child in parent.named_children()]


def _residual(block: nn.Module) -> FusedResidual | None:
    """Returns what takes the place of one of timm's residual blocks whose batch norms are folded."""
    if type(block).__module__ != "timm.models.resnet" or type(block).__name__ not in ("BasicBlock", "Bottleneck"):
        return None
    if block.se is not None or block.drop_path is not None:
        return None
    last = "2" if type(block).__name__ == "BasicBlock" else "3"
    conv, norm, activation = (block.get_submodule(name + last) for name in ("conv", "bn", "act"))
    if len(list(norm.modules())) > 1 or type(norm) is not nn.Sequential or not fits(conv):
        return None
    if type(activation) not in ACTIVATIONS:
        return None
    left_out = {conv, norm, activation, block.downsample}
    body = nn.Sequential(*(child for child in block.children() if child not in left_out))
    assert isinstance(conv, nn.Conv2d)  # says `fits`
    shortcut = block.downsample
    assert shortcut is None or isinstance(shortcut, nn.Module)
    return FusedResidual(body, conv, shortcut, activation)


def _watch(network: nn.Module, run: Callable[[], Tensor]) -> _Seen:
    """Runs a network and returns what was seen."""
    given: dict[int, tuple[nn.Module, nn.BatchNorm2d | None, Tensor, int]] = {}  # by id, which lasts as the tensor does
    norms: dict[nn.BatchNorm2d, nn.Conv2d] = {}
    behind: dict[nn.Module, tuple[nn.Module, nn.BatchNorm2d | None]] = {}
    calls: dict[nn.Module, int] = {}

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls[module] = calls.get(module, 0) + 1
        if type(module) in ACTIVATIONS and id(inputs[0]) in given:
            layer, norm, maps, version = given.pop(id(inputs[0]))
            if maps._version == version:  # nothing was added to them in place, as a shortcut is
                behind[layer] = module, norm

    def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear):
            given[id(output)] = module, None, output, output._version
        elif isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and id(inputs[0]) in given:
            conv = given[id(inputs[0])][0]
            if isinstance(conv, nn.Conv2d):
                norms[module] = conv
                inside = [child for child in module.children() if type(child) in ACTIVATIONS]
                if inside:  # of timm's; what it is given is no output of a module
                    behind[conv] = inside[0], module
                else:
                    given[id(output)] = conv, module, output, output._version

    hooks = [module.register_forward_pre_hook(before) for module in network.modules()]
    hooks += [module.register_forward_hook(after) for module in network.modules()]
    output = run()
    for hook in hooks:
        hook.remove()
    once = {layer: seen for layer, seen in behind.items() if calls[layer] == calls[seen[0]] == 1}
    return _Seen(output, norms, once)
