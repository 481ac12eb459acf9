"""What is wrong with a probe that can be told without torch."""

from collections.abc import Sequence
from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import check_table
from emoclr.pretrain.encoder.folders import CheckpointError, backbone_folders
from emoclr.probe.settings import ProbeSettings

FOLD = "{fold}"
"""What stands for the name of a fold in the folder of an encoder that is fitted to and scored in this fold alone."""


def check_probe(source: Path, data: Path, settings: ProbeSettings, test: Path | None) -> None:
    """Checks the arguments of a probe.

    Raises:
        ConfigError: encoders are not there, labels are no table, or folds are asked for where another corpus is scored,
            or where encoders are named by the folds of the labels.
        CheckpointError: the source holds no encoder.
    """
    if test and settings.folds:
        raise ConfigError("folds divide one corpus; with --test, --data is fitted to and --test is scored")
    if FOLD not in str(source):
        backbone_folders(source)
    elif test or settings.folds:
        raise ConfigError(f"--from {source}: {FOLD} stands for the folds of the labels, so without --test and folds=")
    check_table(data, test)


def encoder_folders(source: Path, folds: Sequence[str]) -> list[list[Path]]:
    """Returns the folders of the encoders for each fold; once for all folds where the source names no `{fold}`.

    Args:
        source: run or backbone folder; with `{fold}` in it, one for each fold.
        folds: names of the folds that the labels have.

    Raises:
        ConfigError: a folder is not there, or there are no folds to name it by.
        CheckpointError: a folder holds no encoder, or not those that the others hold.
    """
    if FOLD not in str(source):
        return [backbone_folders(source)]
    if not folds:
        raise ConfigError(f"--from {source}: {FOLD} stands for the folds of the labels, and these have no fold column")
    found = [backbone_folders(Path(str(source).replace(FOLD, fold))) for fold in folds]
    for folders, fold in zip(found, folds, strict=True):
        if (names := [folder.name for folder in folders]) != (first := [folder.name for folder in found[0]]):
            raise CheckpointError(
                f"{source}: of fold {fold} it holds {', '.join(names)}, of fold {folds[0]} {', '.join(first)}; "
                "an encoder of each backbone is needed for each fold"
            )
    return found
