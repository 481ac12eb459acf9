"""A run of `predict` that writes files, and goes on where it was stopped."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emoclr.configs.console import say
from emoclr.configs.messages import count_of, readable
from emoclr.corpus.parallel.engines import RayEngine
from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import Ensemble
from emoclr.predict.output.annotations.annotation import names_of
from emoclr.predict.output.annotations.forms import write_annotations
from emoclr.predict.output.annotations.of_windows import annotations_of
from emoclr.predict.output.files import Files
from emoclr.predict.output.kept_windows import KeptWindows
from emoclr.predict.output.tables import Columns, write_rows
from emoclr.predict.output.unfinished import UnfinishedTable, Work
from emoclr.predict.run import predict_files
from emoclr.pretrain.resume.signals import Interrupted

if TYPE_CHECKING:
    from emoclr.predict.stream.voices import Voices


def write_files(
    files: Files,
    ensemble: Ensemble,
    card: EnsembleCard,
    paths: Sequence[Path],
    columns: Columns,
    *,
    name: str,
    gate: bool,
    device: str,
    work: Work,
    voices: "Voices | None",
    channels: Sequence[int] | None,
    engine: RayEngine | None,
) -> UnfinishedTable:
    """Writes the files, and returns what is known of the work: what was spoken, and remarks.

    Raises:
        Interrupted: someone stopped it; the message says how far it came.
    """
    draft = None
    if files.page:
        from emoclr.predict.output.page.page_draft import PageDraft

        draft = PageDraft(files.page, embed=files.sound == "embed")
    keeps = files.keeps_windows or voices is not None
    with UnfinishedTable(files.main, columns, work, keeps_windows=keeps) as table:
        if table.place.recording or table.place.windows:
            say(f"going on after {_so_far(table, keeps)} in {readable(table.part)}")
        try:
            for found in predict_files(
                ensemble,
                card,
                paths,
                kind=columns.kind,
                gate=gate,
                device=device,
                begin=table.place,
                channels=channels,
                hear=draft.heard if draft else None,
                engine=engine,
            ):
                table.add(found)
        except KeyboardInterrupt:
            kept = f"{_so_far(table, keeps)} in {readable(table.part)}; the same command goes on there"
            raise Interrupted(f"stopped: {kept if table.saved_rows else 'no rows yet'}") from None

        def write() -> None:
            silent = {remark.path for remark in table.remarks if remark.status == "silent"}
            windows = KeptWindows(table.lines, ensemble, card, paths, voices, silent, channels)
            if files.page and draft:
                from emoclr.predict.output.page.page_file import PageSettings
                from emoclr.predict.output.page.recordings_page import write_recordings_page

                settings = PageSettings.of_card(card, files.sound, name)
                write_recordings_page(files.page, windows, draft, settings, paths, table.remarks, gated=gate)
            if files.out and files.annotations:
                names = names_of(list(dict.fromkeys(paths)))
                write_annotations(files.out, files.annotations, names, annotations_of(windows, paths, card.emotions))
            elif files.out:
                write_rows(windows.rows(columns.kind), columns, files.out)
            table.rows, table.spoken = windows.count, windows.spoken

        table.finish(write if keeps else None)
    return table


def _so_far(table: UnfinishedTable, keeps: bool) -> str:
    return count_of(table.recordings, "recording") if keeps else count_of(table.rows, "row")


def told_of(files: Files, table: UnfinishedTable) -> list[str]:
    """Returns what to say of the files that were written."""
    lines = []
    if files.out:
        what = "segment" if files.annotations else "row"
        lines.append(f"{count_of(table.rows, what)}: {readable(files.out)}")
    if files.page:
        lines.append(f"{count_of(table.recordings, 'recording')}: {readable(files.page)}")
    return lines
