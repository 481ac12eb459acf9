"""What is wrong with a run that can be told without torch."""

from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import check_sources, check_table
from emoclr.finetune.model.folders import CARD, ENSEMBLE_CARD
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.encoder.folders import RUN, backbone_folders


def check_run(
    sources: Sequence[Path], data: Path, out: Path, settings: FinetuneSettings, *, resume: bool, test: Path | None
) -> None:
    """Checks the arguments of a run.

    Raises:
        ConfigError: nothing to start from or to compare with, recordings or labels that are not there or are something
            else, or another run in the way.
        CheckpointError: a source holds no encoder.
    """
    run_to_resume(out, resume)
    members = find_sources(sources, settings.backbones)
    _check_comparisons(list(members), bool(sources) or settings.pretrained, settings)
    check_table(data, test)
    check_sources(*settings.unlabeled)


def run_to_resume(out: Path, resume: bool) -> Path | None:
    """Returns the `run.yaml` of the run in `out` that goes on, None where no member stands there.

    Raises:
        ConfigError: there is a run, and going on with it was not asked for or is not possible.
    """
    if not any(path for depth in ("*", "*/*", "*/*/*") for path in out.glob(f"{depth}/{CARD}")):
        return None
    if not (out / RUN).is_file():
        raise ConfigError(f"{out}: already holds models, and no {RUN} that says how they were made; give another --out")
    if not resume:
        held = "an ensemble" if (out / ENSEMBLE_CARD).exists() else "models of a run"
        raise ConfigError(f"{out}: already holds {held}; give another --out, or go on with it by --resume")
    return out / RUN


def find_sources(sources: Sequence[Path], backbones: Sequence[str] | None) -> dict[str, Path | None]:
    """Returns the folder of the encoder that each member begins as, by name; None without pretraining on sound.

    Args:
        sources: run or backbone folders of `pretrain`.
        backbones: those of the sources to use, None for all; without sources, names of timm.

    Raises:
        ConfigError: nothing to start from, a backbone that the sources do not have, or one that two of them have.
        CheckpointError: a source holds no encoder.
    """
    if not sources:
        if not backbones:
            raise ConfigError("nothing to start from: give --from RUN, or backbones=[...] to train without pretraining")
        return dict.fromkeys(backbones)
    found: dict[str, Path] = {}
    for source in sources:
        for folder in backbone_folders(source):
            name = folder.resolve().name
            if name in found:
                raise ConfigError(f"--from: both {found[name]} and {folder} are {name}; give one of them")
            found[name] = folder
    wanted = backbones or sorted(found)
    for name in wanted:
        if name not in found:
            raise ConfigError(f"backbones: {name} is not among those of --from: {', '.join(sorted(found))}")
    return {name: found[name] for name in wanted}


def _check_comparisons(members: Sequence[str], pretrained: bool, settings: FinetuneSettings) -> None:
    if settings.compare_seeds and len(members) < 2:
        raise ConfigError(
            f"compare_seeds: sets several backbones against seeds of the best of them; {members[0]} is the only one"
        )
    if settings.from_scratch and not pretrained:
        raise ConfigError("from_scratch: this run begins from scratch as it is; give --from RUN, or leave it out")
    if settings.fractions and not pretrained:
        raise ConfigError("fractions: sets pretrained encoders against the same from scratch; give --from RUN")
