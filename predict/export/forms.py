"""The forms of an exported file: how each is written, read as its user reads it, and told from other files."""

import contextlib
import io
import json
import logging
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.errors import ConfigError
from emoclr.configs.extras import require_extra
from emoclr.predict.export.onnx_session import onnx_session

if TYPE_CHECKING:
    import onnx_ir
    from torch import Tensor, nn

Facts = dict[str, str]
"""Metadata of a file."""
Floats = NDArray[np.float32]
Runner = Callable[[Floats], Floats]
"""Waveforms (B, samples) to what a file gives for them, (B, outputs)."""

MARK = "emoclr"
"""The metadata that tells a file of ours: the version that wrote it."""
INPUT = "waveforms"
_EXTRA = "metadata.json"


@dataclass(frozen=True)
class FileForm:
    """A form of file.

    Attributes:
        ending: of the file's name.
        packages: of the extra `export` that write and run it.
        write: gets a network in eval mode, waveforms (B, samples), where the file goes, its output's name and metadata.
        run: of a file.
        facts: the metadata of a file; empty where it is another one.
    """

    ending: str
    packages: tuple[str, ...]
    write: "Callable[[nn.Module, Tensor, Path, str, Facts], None]"
    run: Callable[[Path], Runner]
    facts: Callable[[Path], Facts]


def form_of(out: Path) -> FileForm:
    """Returns the form of an exported file by its name.

    Raises:
        ConfigError: its ending is none of `FORMS`, or packages that write it are missing.

    Examples:
        >>> form_of(Path("model.pt2")) is FORMS["torch"]
        True
    """
    for name, form in FORMS.items():
        if out.suffix.lower() == form.ending:
            require_extra("export", form.packages, f"{out}: {name}")
            return form
    endings = ", ".join(f"{form.ending} ({name})" for name, form in FORMS.items())
    raise ConfigError(f"--out {out}: ends in none of {endings}")


def _write_onnx(network: "nn.Module", example: "Tensor", out: Path, output: str, facts: Facts) -> None:
    import onnx_ir
    import torch

    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            dynamic_shapes=_any_size(),
            input_names=[INPUT],
            output_names=[output],
            verbose=False,
        )
    assert program is not None
    model = program.model
    _forget_origin(model.graph)
    model.producer_name, model.producer_version = MARK, facts[MARK]
    model.metadata_props.update(facts)
    model.graph.inputs[0].shape = onnx_ir.Shape(["batch", "samples"])
    (found,) = model.graph.outputs
    found.shape = onnx_ir.Shape(["batch", *(found.shape or ())[1:]])
    program.save(str(out), external_data=False)


def _forget_origin(graph: "onnx_ir.Graph") -> None:
    """Drops where each operation came from: paths of this machine, and lines of code."""
    nodes = list(graph.all_nodes())
    values = [value for node in nodes for value in node.outputs]
    for described in (graph, *graph.inputs, *graph.initializers.values(), *nodes, *values):
        described.metadata_props.clear()


def _run_onnx(path: Path) -> Runner:
    session = onnx_session(path)

    def run(waveforms: Floats) -> Floats:
        found: Floats = session.run(None, {INPUT: waveforms})[0]
        return found

    return run


def _facts_of_onnx(path: Path) -> Facts:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return {}
    return {entry.key: entry.value for entry in model.metadata_props}


def _write_torch(network: "nn.Module", example: "Tensor", out: Path, output: str, facts: Facts) -> None:
    import torch
    from torch.utils._sympy.value_ranges import ValueRanges

    with _quiet():
        program = torch.export.export(network, (example,), dynamic_shapes=_any_size())
        # It supposes that no size is 1, as that of the last feature maps of a short waveform is.
        for size, limits in list(program.range_constraints.items()):
            program.range_constraints[size] = ValueRanges(1, limits.upper)
        for module in program.graph_module.modules():
            for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
                node.meta.pop("stack_trace", None)  # paths of this machine
        buffer = io.BytesIO()
        torch.export.save(program, buffer, extra_files={_EXTRA: json.dumps(facts)})
    out.write_bytes(buffer.getvalue())


def _run_torch(path: Path) -> Runner:
    import torch

    module = torch.export.load(io.BytesIO(path.read_bytes())).module(check_guards=False)

    def run(waveforms: Floats) -> Floats:
        with torch.inference_mode():
            found: Floats = module(torch.from_numpy(waveforms)).numpy()
        return found

    return run


def _facts_of_torch(path: Path) -> Facts:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith(f"/extra/{_EXTRA}")), None)
            found: Facts = json.loads(archive.read(name)) if name else {}
    except zipfile.BadZipFile:
        return {}
    return found


def _any_size() -> tuple[dict[int, object]]:
    import torch

    return ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the remarks of exporters back: whether a file is right shows when it is run."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


FORMS = {
    "onnx": FileForm(".onnx", ("onnx", "onnxruntime", "onnxscript"), _write_onnx, _run_onnx, _facts_of_onnx),
    "torch": FileForm(".pt2", (), _write_torch, _run_torch, _facts_of_torch),
}
