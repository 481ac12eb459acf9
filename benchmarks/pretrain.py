"""How fast `pretrain` is: each part compares two loops that take turns in one run, and prints a ratio.

    python benchmarks/pretrain.py [PART ...] [--rounds N] [--steps N] [--config NAME] [key=value ...]

| part | what is compared |
| --- | --- |
| files | the loop on real files, against the same loop on ready batches in memory |
| plain | the loop on ready batches, against a loop written by hand for the same model, optimiser and precision |
| format | precision auto and channels last, against fp32 and contiguous images, by hand, for each backbone |
| workers | the loop on real files with 1, 2 and 4 data processes, against 1 |
| gpu | the loop on real files against each backbone alone on random images; spectrograms against librosa; a profile |

Without a part, all of them. The settings are those of `pretrain` (`data=DIR`, `backbones=[resnet10t]`, ...), of
`simclr-small.yaml`, and for gpu of `simclr.yaml`; without `data` the clips are those of the synthetic demo corpus.
format and gpu measure every backbone of the settings, the others the first one unless `backbones=` names some.
Files are decoded before the clock starts, as in a run; cropping, augmentation and the way into the training process
are in the measured loop.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loops import Loops

# The folder of this script would be looked through first, and it holds a file of the package's name.
WORKERS = (1, 2, 4)
EACH = ("format", "gpu")
"""Parts that measure every backbone of the settings; the others measure the first, unless `backbones=` is given."""


def main() -> None:
    """Runs the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="PART|key=value", help="what to measure, and with what settings")
    parser.add_argument("--config", help="of pretrain")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each loop (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=16, help="measured steps of a turn (default: %(default)s)")
    arguments = parser.parse_intermixed_args()
    overrides = [word for word in arguments.words if "=" in word]
    parts = [word for word in arguments.words if "=" not in word] or list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"{unknown[0]!r} is no part; parts are {', '.join(PARTS)}")
    from emoclr.configs.command import let_waiting_threads_sleep

    let_waiting_threads_sleep()  # as the command does
    from loops import Loops

    with tempfile.TemporaryDirectory() as name:
        for part in parts:
            config = arguments.config or ("simclr.yaml" if part == "gpu" else "simclr-small.yaml")
            print(f"\n{part}", flush=True)
            if part == "gpu" and not _has_gpu():
                print("skipped: no CUDA device")
                continue
            loops = Loops(Path(name), config, overrides, arguments.rounds, arguments.steps)
            named = any(word.startswith("backbones=") for word in overrides)
            of_first = None if named or part in EACH else 1
            for backbone in loops.settings.backbones[:of_first]:
                PARTS[part](loops, backbone)


def files_part(loops: "Loops", backbone: str) -> None:
    batches = loops.ready()
    rates = loops.take_turns(
        {"from files": lambda: loops.ours(backbone, loops.files()), "ready": lambda: loops.ours(backbone, batches)}
    )
    print(f"{backbone}: {rates.of('from files', 'ready')}", flush=True)


def plain_part(loops: "Loops", backbone: str) -> None:
    batches = loops.ready()
    rates = loops.take_turns(
        {"ours": lambda: loops.ours(backbone, batches), "by hand": lambda: loops.by_hand(backbone, batches)}
    )
    print(f"{backbone}: {rates.of('ours', 'by hand')}", flush=True)


def format_part(loops: "Loops", backbone: str) -> None:
    batches = loops.ready()
    rates = loops.take_turns(
        {
            "auto": lambda: loops.by_hand(backbone, batches),
            "naive": lambda: loops.by_hand(backbone, batches, naive=True),
        }
    )
    print(f"{backbone} ({loops.precision(backbone)}): {rates.of('auto', 'naive')}", flush=True)


def workers_part(loops: "Loops", backbone: str) -> None:
    def with_workers(n: int) -> Callable[[], float]:
        return lambda: loops.ours(backbone, loops.files(n))

    rates = loops.take_turns({str(n): with_workers(n) for n in WORKERS})
    for n in WORKERS:
        print(f"{backbone}, workers: {rates.of(str(n), '1')}", flush=True)


def gpu_part(loops: "Loops", backbone: str) -> None:
    if backbone == loops.settings.backbones[0]:
        from gpu import profile, spectrograms

        print(spectrograms(loops.settings.spectrogram, loops.settings.crop_s, loops.device), flush=True)
        print(profile(loops, backbone), flush=True)
    rates = loops.take_turns(
        {"from files": lambda: loops.ours(backbone, loops.files()), "alone": lambda: loops.alone(backbone)}
    )
    print(f"{backbone} ({loops.precision(backbone)}): {rates.of('from files', 'alone')}", flush=True)


PARTS = {"files": files_part, "plain": plain_part, "format": format_part, "workers": workers_part, "gpu": gpu_part}


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    main()
