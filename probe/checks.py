"""What is wrong with a probe that can be told without torch."""

from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import check_table
from emoclr.pretrain.encoder.folders import backbone_folders
from emoclr.probe.settings import ProbeSettings


def check_probe(source: Path, data: Path, settings: ProbeSettings, test: Path | None) -> None:
    """Checks the arguments of a probe.

    Raises:
        ConfigError: encoders are not there, labels are no table, or folds are asked for where another corpus is scored.
        CheckpointError: the source holds no encoder.
    """
    if test and settings.folds:
        raise ConfigError("folds divide one corpus; with --test, --data is fitted to and --test is scored")
    backbone_folders(source)
    check_table(data, test)
