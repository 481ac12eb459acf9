"""Which ending is which form of annotations, and their files: one for all recordings, or one for each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from emoclr.configs.errors import ConfigError
from emoclr.configs.files import write_atomically, write_text
from emoclr.configs.messages import readable
from emoclr.predict.output.annotations.annotation import Annotation
from emoclr.predict.output.annotations.audacity_labels import audacity_labels
from emoclr.predict.output.annotations.rttm import rttm
from emoclr.predict.output.annotations.textgrid import textgrid
from emoclr.predict.output.annotations.webvtt import webvtt

AnnotationForm = Literal["rttm", "textgrid", "vtt", "audacity"]


class _Form(NamedTuple):
    ending: str
    text_of: Callable[[Annotation], str]
    one_file: bool
    """Whether a file may hold many recordings."""


FORMS: dict[AnnotationForm, _Form] = {
    "rttm": _Form(".rttm", rttm, one_file=True),
    "textgrid": _Form(".TextGrid", textgrid, one_file=False),
    "vtt": _Form(".vtt", webvtt, one_file=False),
    "audacity": _Form(".txt", audacity_labels, one_file=False),
}


def annotation_form(out: Path, asked: str | None = None) -> AnnotationForm | None:
    """Returns the form of annotations that `--out` and `--format` name; None where they name another one.

    Without an ending that is known, `--out` is a folder, and `--format` says what is written there.

    >>> annotation_form(Path("call.TextGrid")), annotation_form(Path("labels"), "audacity")
    ('textgrid', 'audacity')
    """
    for name, form in FORMS.items():
        if out.suffix.lower() == form.ending.lower():
            return name
    if out.suffix.lower() in (".csv", ".jsonl", ".parquet"):
        return None
    return next((name for name, form in FORMS.items() if name == asked and not form.one_file), None)


def files_of(out: Path, form: AnnotationForm, names: Sequence[str]) -> list[Path]:
    """Returns the files of recordings that are called so: `out`, or one for each in the folder `out`.

    Raises:
        ConfigError: one file is asked for, which would have to hold several recordings.

    Examples:
        >>> files_of(Path("labels"), "vtt", ["ann/1", "ben/1"])
        [PosixPath('labels/ann/1.vtt'), PosixPath('labels/ben/1.vtt')]
    """
    ending = FORMS[form].ending
    if out.suffix.lower() != ending.lower():
        return [out / f"{name}{ending}" for name in names]
    if len(names) > 1 and not FORMS[form].one_file:
        raise ConfigError(
            f"--out {readable(out)}: a {ending} holds one recording, and there are {len(names):,}; "
            f"--out {readable(out.stem)} --format {form} writes one for each into a folder"
        )
    return [out]


def check_not_there(files: Sequence[Path]) -> None:
    """Checks that no annotation is overwritten: people correct them by hand.

    Raises:
        ConfigError: a file is there.
    """
    for path in files:
        if path.exists():
            raise ConfigError(
                f"{readable(path)}: is there, and may be corrected by hand; remove it, or give another --out"
            )


def write_annotations(out: Path, form: AnnotationForm, names: Sequence[str], found: Iterable[Annotation]) -> None:
    """Writes annotations, each file atomically.

    Args:
        out: a file, or the folder of one for each recording.
        form: of the files.
        names: of all recordings, those that could not be read among them.
        found: of those that could.
    """
    text_of = FORMS[form].text_of
    files = files_of(out, form, names)
    if files != [out]:
        of_name = dict(zip(names, files, strict=True))
        for annotation in found:
            write_text(of_name[annotation.name], text_of(annotation))
        return

    def lines() -> Iterator[bytes]:
        for annotation in found:
            yield text_of(annotation).encode(errors="surrogateescape")

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.writelines(lines())

    write_atomically(out, write)
