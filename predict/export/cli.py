"""`predict export`."""

import argparse
from pathlib import Path

from emoclr.configs.command import make_parser, uncollected
from emoclr.configs.console import say, show
from emoclr.predict.options import RELEASED

EXAMPLES = """  predict export --out emotions.onnx
  predict export --out emotions.onnx --weights int8
  predict export --from checkpoints/my-emotions --out my-emotions.onnx
  predict export --from checkpoints/my-emotions --out my-emotions.pt2
  predict export --from emoclr-small/resnet10t --out encoder.onnx"""


def make_options() -> argparse.ArgumentParser:
    """Returns the parser of `predict export`."""
    parser = make_parser(
        "predict export",
        "Write a model into one file, from waveform to probabilities, that runs without emoclr.",
        EXAMPLES,
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="RUN",
        help="folder of finetune or of one backbone, a released model, or hf:OWNER/NAME: gives probabilities; an "
        f"encoder gives embeddings; without, {RELEASED}",
    )
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="the file: .onnx for ONNX Runtime, browsers and phones, .pt2 for torch.export.load",
    )
    parser.add_argument(
        "--weights",
        default="exact",
        choices=("exact", "int8"),
        help="as the model has them, or rounded to 8 bits, for a smaller file",
    )
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Does what the options say."""
    from emoclr.finetune.model.folders import holds_emotions
    from emoclr.predict.export.forms import form_of
    from emoclr.pretrain.encoder.checkpoint import only_backbone
    from emoclr.pretrain.encoder.folders import find_run

    source = arguments.source or RELEASED
    form_of(arguments.out)
    find_run(source)
    if not holds_emotions(source):
        only_backbone(source)
    say(f"reading {source}")
    with uncollected():
        from emoclr.predict.export.run import export
    found = export(source, arguments.out, arguments.weights)
    for name in ("limits", "licence"):
        if name in found.facts:
            say(f"{name}: {found.facts[name]}")
    size = arguments.out.stat().st_size / 1e6
    show(f"{arguments.out}: {size:.1f} MB, {found.output} within {found.difference:.1g} of the network's")
    if arguments.weights == "int8":
        show(f"rounding moved {found.output} of made-up sounds by up to {found.rounding:.2g}")
