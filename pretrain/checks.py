"""What is wrong with a run that can be told without torch."""

from pathlib import Path

from emoclr.configs.console import is_first_process
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import check_sources, check_table
from emoclr.corpus.index.audio_files import check_audio
from emoclr.corpus.tars.tar import is_tar
from emoclr.pretrain.encoder.folders import RUN, find_run
from emoclr.pretrain.settings import PretrainSettings


def check_run(settings: PretrainSettings, *, resume: bool) -> None:
    """Checks the places of a run.

    Raises:
        ConfigError: recordings, labels or first weights are not there, or another run is in the way.
    """
    for place in settings.data:
        check_sources(_folder_of_tars(place) if is_tar(place) else place)
    if folders := [Path(place) for place in settings.data if Path(place).is_dir()]:
        check_audio(folders)
    check_table(settings.monitor, settings.supervised)
    if not resume:  # past its start, a run needs no first weights any more
        if settings.start_from is not None:
            find_run(settings.start_from)
        if is_first_process():  # the others start after the first, which has left its card by then
            check_free(settings.out)


def check_tables(settings: PretrainSettings) -> None:
    """Reads the tables of a run, and looks whether any of their recordings is there.

    Raises:
        ConfigError: nothing is left of them.
        LabelsError: one is not as it should be.
        NoReadableClips: none of the recordings is there.
    """
    from emoclr.corpus.decoded.first_look import check_clips, check_labels
    from emoclr.corpus.labels.labels_csv import read_labels

    check_clips([Path(place) for place in settings.data], settings.splits, settings.columns.given)
    check_labels(settings.monitor, columns=settings.columns.given, lenient=True)
    if settings.supervised is not None:  # its recordings need not be there: those of an index may be in the cache alone
        read_labels(settings.supervised, columns=settings.columns.given, lenient=True)


def check_free(out: Path) -> None:
    """Raises ConfigError where a folder holds a run."""
    if (out / RUN).is_file():
        raise ConfigError(f"{out}: already holds a run; --resume goes on with it, another --out starts a new one")


def _folder_of_tars(place: str | Path) -> Path | None:
    """Returns the folder of tars; None where it is a URL, or a pattern itself."""
    return None if "://" in str(place) or "{" in str(Path(place).parent) else Path(place).parent
