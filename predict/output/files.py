"""The files that `predict` was asked for: a table or annotations, and a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emoclr.configs.errors import ConfigError
from emoclr.predict.output.annotations.annotation import names_of
from emoclr.predict.output.annotations.forms import AnnotationForm, annotation_form, check_not_there, files_of
from emoclr.predict.output.out_path import beside, check_free, check_ours, check_out, form_of
from emoclr.predict.output.page.page_path import Sound, check_draft, is_page


@dataclass(frozen=True)
class Files:
    """What is written.

    Attributes:
        out: a table, or annotations: a file, or a folder of one for each recording; None where only a page is.
        annotations: their form; None where `out` is a table.
        page: the page; None where there is none.
        sound: of the page.
    """

    out: Path | None
    annotations: AnnotationForm | None
    page: Path | None
    sound: Sound

    @classmethod
    def asked(cls, out: str | None, asked_form: str | None, page: Path | None, sound: Sound) -> "Files":
        """Returns what options of the command ask for.

        Args:
            out: `--out`.
            asked_form: `--format`.
            page: `--page`.
            sound: `--page-audio`.

        Raises:
            ConfigError: they contradict each other, or an ending says nothing.
        """
        if page is not None and page.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"--page {page}: a page ends in .html; give --page {page.with_suffix('.html')}")
        if out is None:
            return cls(None, None, page, sound)
        annotations = annotation_form(Path(out), asked_form)
        form = annotations or form_of(Path(out))
        if asked_form not in (None, form):
            raise ConfigError(f"--format {asked_form}: the ending of --out {out} says {form}; leave one of them out")
        return cls(Path(out), annotations, page, sound)

    @property
    def main(self) -> Path:
        """The file beside which the unfinished work lies."""
        path = self.out or self.page
        assert path is not None
        return path

    @property
    def keeps_windows(self) -> bool:
        """Whether they are made once all is heard."""
        return self.annotations is not None or self.page is not None

    def check(self, paths: Sequence[Path]) -> None:
        """Checks that they can be written without harm to any other file.

        Args:
            paths: the recordings.

        Raises:
            ConfigError: they cannot.
        """
        if self.out and self.annotations:
            files = files_of(self.out, self.annotations, names_of(paths))
            check_not_there(files)
            check_free([*files, *beside(self.out)], paths)
        elif self.out:
            check_out(self.out, paths)
        if self.page:
            check_free([self.page, *beside(self.main)], paths)
            check_ours(self.page, is_page)
            check_draft(self.page)
