"""The page of all recordings, made once they are heard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from emoclr.predict.output.kept_windows import HeardRecording, KeptWindows
from emoclr.predict.output.page.page_draft import PageDraft
from emoclr.predict.output.page.page_file import PageSettings, page_part, write_page
from emoclr.predict.output.page.recording_on_page import PagedRecording, Summary, summary_of
from emoclr.predict.output.page.sound_picture import Picture
from emoclr.predict.stream.remarks import Remark

_BLOCK = 1 << 20


def write_recordings_page(
    out: Path,
    kept: KeptWindows,
    draft: PageDraft,
    settings: PageSettings,
    paths: Sequence[Path],
    remarks: Sequence[Remark],
    *,
    gated: bool,
) -> None:
    """Writes the page, and removes its draft.

    Args:
        out: where it goes.
        kept: the windows of all recordings.
        draft: their pictures and sounds.
        settings: of the page.
        paths: all recordings; those that could not be read are named above the others.
        remarks: on them.
        gated: whether it was asked where somebody speaks.
    """
    told: dict[Path, list[str]] = {}
    for remark in remarks:
        told.setdefault(remark.path, []).append(remark.reason)
    summaries: list[Summary] = []
    parts = draft.folder / "parts.html"
    with parts.open("wb") as file:
        for number, heard in enumerate(kept.recordings()):
            path = paths[heard.number]
            paged = paged_recording(heard, draft.picture(heard.number), path, told.get(path, []), gated=gated)
            summaries.append(summary_of(paged))
            sound = draft.sound(heard.number)
            if sound:
                with sound.open("rb") as mp3:
                    file.writelines(page_part(number, paged, settings, out, mp3))
            else:
                file.writelines(page_part(number, paged, settings, out, None))
    unreadable = [(remark.path, remark.reason) for remark in remarks if remark.status == "unreadable"]
    write_page(out, summaries, settings, unreadable, _blocks(parts))
    draft.remove()


def paged_recording(
    heard: HeardRecording, picture: Picture, path: Path, told: Sequence[str], *, gated: bool
) -> PagedRecording:
    """Returns what the page shows of a recording.

    Args:
        heard: what the windows say of it.
        picture: of its sound.
        path: as it was given.
        told: what there is to say of all of its channels.
        gated: whether it was asked where somebody speaks.
    """
    before = "" if heard.channel is None else f"channel {heard.channel}: "
    return PagedRecording(
        path=path,
        spoken=heard.spoken,
        picture=picture,
        moments_s=heard.moments_s,
        probabilities=heard.probabilities,
        voiced=heard.voiced if gated else None,
        segments=heard.segments,
        remarks=[reason.removeprefix(before) for reason in told if reason.startswith(before)],
        channel=heard.channel,
    )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
