"""What a file is by the ending of its name: a recording, a table, an archive; and what a command needs of each."""

from pathlib import Path

from emoclr.configs.command import check_exists
from emoclr.configs.errors import ConfigError
from emoclr.configs.messages import readable, suggestion

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aiff", ".aif"}
    | {".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc", ".avr", ".sf", ".ircam", ".paf", ".pvf", ".svx", ".wve"}
    | {".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".amr", ".awb", ".aac", ".ac3", ".eac3", ".wma", ".asf"}
    | {".wmv", ".mka", ".mkv", ".webm", ".weba", ".wv", ".ape", ".tta", ".tak", ".mpc", ".dts", ".avi", ".flv"}
    | {".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".ogv", ".ogx", ".spx"}
)
"""Lower-case endings of audio, and of video whose sound is read."""

ARCHIVE_SUFFIXES = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar"})
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xls", ".ods", ".parquet", ".jsonl"})


def is_table(name: str | Path) -> bool:
    """Returns whether a name ends as a table's does, packed by gzip or not.

    >>> is_table("labels.csv"), is_table("Labels.CSV.gz"), is_table("a.wav")
    (True, True, False)
    """
    return Path(str(name).lower().removesuffix(".gz")).suffix in TABLE_SUFFIXES


def is_archive(name: str | Path) -> bool:
    """Returns whether a name ends as an archive's does.

    >>> is_archive("corpus.zip"), is_archive("corpus.tar.gz"), is_archive("labels.csv.gz")
    (True, True, False)
    """
    return Path(str(name).lower()).suffix in ARCHIVE_SUFFIXES and not is_table(name)


def check_table(*places: str | Path | None) -> None:
    """Checks that files may be tables; None stands for one that was not asked for.

    Raises:
        ConfigError: one is not there, or is a folder, a recording or an archive.
    """
    check_exists(*places, what="file")
    for place in (Path(place) for place in places if place is not None):
        needed = "where a table with a row for each recording is needed, such as labels.csv"
        if place.is_dir():
            tables = sorted(str(path) for path in place.iterdir() if is_table(path.name) and path.suffix != ".txt")
            raise ConfigError(f"{readable(place)}: is a folder, {needed}{suggestion(*tables[:2])}")
        if place.suffix.lower() in AUDIO_SUFFIXES:
            raise ConfigError(f"{readable(place)}: is a recording, {needed}")
        _refuse_archive(place)


def check_sources(*places: str | Path | None) -> None:
    """Checks that files and folders may hold recordings or name them; None stands for one that was not asked for.

    Raises:
        ConfigError: one is not there, or is an archive.
    """
    check_exists(*places)
    for place in (Path(place) for place in places if place is not None):
        if not place.is_dir():
            _refuse_archive(place)


def check_recordings(*places: str | Path) -> None:
    """Checks that files and folders may be recordings, or hold them.

    Raises:
        ConfigError: one is not there, or is an archive or a table.
    """
    check_sources(*places)
    for place in map(Path, places):
        if is_table(place) and not place.is_dir():
            raise ConfigError(
                f"{readable(place)}: is a table, where recordings are needed; give the folder that they lie in"
            )


def check_recording(place: str | Path) -> None:
    """Checks that a file may be a recording.

    Raises:
        ConfigError: it is not there, or is a folder, an archive or a table.
    """
    check_exists(place, what="file")
    check_sources(place)
    if Path(place).is_dir():
        names = sorted(str(path) for path in Path(place).iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
        raise ConfigError(f"{readable(place)}: is a folder, where one recording is needed{suggestion(*names[:2])}")
    if is_table(place):
        raise ConfigError(f"{readable(place)}: is a table, where one recording is needed")


def check_folder(place: str | Path) -> None:
    """Checks that there is a folder.

    Raises:
        ConfigError: it is not there, or is a file.
    """
    check_exists(place, what="folder")
    check_sources(place)
    if not Path(place).is_dir():
        raise ConfigError(f"{readable(place)}: is a file, where a folder is needed")


def _refuse_archive(place: Path) -> None:
    if is_archive(place):
        raise ConfigError(f"{readable(place)}: is an archive; unpack it, and give what was in it")
