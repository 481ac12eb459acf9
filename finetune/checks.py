"""What is wrong with a run that can be told without torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import check_sources, check_table
from emoclr.finetune.model.folders import CARD, ENSEMBLE_CARD, GIVE, holds_emotions, model_folders
from emoclr.finetune.settings import FinetuneSettings
from emoclr.pretrain.encoder.folders import RUN, CheckpointError, backbone_folders, find_run


def check_run(
    sources: Sequence[Path], data: Path, out: Path, settings: FinetuneSettings, *, resume: bool, test: Path | None
) -> None:
    """Checks the arguments of a run.

    Raises:
        ConfigError: nothing to start from or to compare with, recordings or labels that are not there or are something
            else, or another run in the way.
        CheckpointError: a source holds no encoder, or with `freeze=all` no emotion model.
    """
    run_to_resume(out, resume)
    members = find_members(sources, settings)
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


def find_members(sources: Sequence[Path], settings: FinetuneSettings) -> Mapping[str, Path | None]:
    """Returns the folder of what each member begins as, by name: an encoder, or a finished model with `freeze=all`."""
    if settings.freeze == "all":
        return find_models(sources, settings.backbones)
    return find_sources(sources, settings.backbones)


def find_models(sources: Sequence[Path], names: Sequence[str] | None) -> dict[str, Path]:
    """Returns the folders of finished emotion models, by the names that they get in an ensemble of their own.

    Those of two runs that have one name get that of their run before it.

    Args:
        sources: run folders of `finetune`, or one model's folder.
        names: those to use, None for all.

    Raises:
        ConfigError: no sources, no such name, or two models cannot be told apart.
        CheckpointError: a source holds no emotion model.
    """
    if not sources:
        raise ConfigError(f"freeze=all: puts finished emotion models together; give each as --from RUN: {GIVE}")
    of_runs = [
        (_run_name(source, folder), name, folder)
        for source in sources
        for name, folder in model_folders(source).items()
    ]
    times = Counter(name for _, name, _ in of_runs)
    found: dict[str, Path] = {}
    for run, name, folder in of_runs:
        whole = name if times[name] == 1 else f"{run}-{name}"
        if whole in found:
            raise ConfigError(
                f"--from: both {found[whole]} and {folder} are {whole}; give one of them, or rename a folder"
            )
        found[whole] = folder
    return _chosen(found, names)


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
        for folder in _encoder_folders(source):
            name = folder.resolve().name
            if name in found:
                raise ConfigError(f"--from: both {found[name]} and {folder} are {name}; give one of them")
            found[name] = folder
    return {**_chosen(found, backbones)}


def _encoder_folders(source: Path) -> list[Path]:
    try:
        return backbone_folders(source)
    except CheckpointError as error:
        if not holds_emotions(source):
            raise
        raise CheckpointError(
            f"{source}: holds finished emotion models; give encoders of pretrain to train from, or freeze=all to put "
            "finished models together"
        ) from error


def _run_name(source: Path, folder: Path) -> str:
    """Returns the name of the run that a model's folder belongs to."""
    run = find_run(source).resolve()
    return run.parent.name if run == folder.resolve() else run.name


def _chosen(found: Mapping[str, Path], names: Sequence[str] | None) -> dict[str, Path]:
    wanted = names or sorted(found)
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
