"""Decoding by FFmpeg, through PyAV, whose wheels bring FFmpeg along: lossy codecs, phones, browsers and video.

A file is a file: it is handed over as bytes, no protocol and no playlist format is open to it, so that nothing in it
can name another file or address.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from av.codec.context import Flags2
from av.error import FFmpegError
from av.stream import Disposition

from emoclr.configs.messages import count_of
from emoclr.corpus.audio.errors import DecoderError, reason_of
from emoclr.corpus.audio.formats.containers import cut_off, ogg_partial, wav_partial
from emoclr.corpus.audio.formats.frames import FrameBatch
from emoclr.corpus.audio.formats.mp3 import counts_frames
from emoclr.corpus.audio.formats.mp4 import edits, plays_once
from emoclr.corpus.audio.formats.pipe import Pipe
from emoclr.corpus.audio.formats.priming import priming_samples
from emoclr.corpus.audio.formats.stream import BLOCK_SAMPLES, Block, broken_off

FORMATS = (
    "aac,ac3,adx,aea,aiff,amr,amrnb,amrwb,ape,asf,ast,au,avi,caf,dsf,dss,dts,dtshd,dv,eac3,flac,flv,g722,gsm,gxf,iff,loas,"
    "matroska,webm,mmf,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,oma,qcp,rm,rso,shn,"
    "smjpeg,sox,spdif,tak,truehd,tta,voc,w64,wav,wtv,wv,xwma"
)
"""Containers that may be opened; playlists and everything that refers to other files are not among them."""

TIMED = frozenset({"mov", "matroska", "webm"})
"""Containers whose timestamps tell of gaps, and whose durations are those of what they hold."""

EXACT = frozenset({"mov"})
"""Containers whose timestamps are exact to the sample, so that one can seek by them, and which say where the last frame
ends within its padding. Matroska's are rounded to a millisecond."""

_LEAD_S = 1.0
"""Decoding begins this much before a part: the first frames after a seek are not exact."""
_MIN_GAP_S = 0.1
"""Timestamps that jump further ahead are a pause in the recording; below that, they are rounding."""
_MAX_GAP_S = 24 * 3600.0
_HEAD_BYTES = 1 << 16
_MAX_DAMAGED = 1_000


class FfmpegStream:
    """A file opened by FFmpeg; see `AudioStream`. Of several audio streams the default one is decoded."""

    def __init__(self, source: Path | IO[bytes] | Pipe) -> None:
        """Opens a path, bytes in memory, or what comes as it is made.

        Raises:
            DecoderError: FFmpeg does not read it, or it holds no audio.
        """
        av.logging.set_level(None)
        self._source = source
        self._file = source.open("rb") if isinstance(source, Path) else source
        head = b""
        if not isinstance(self._file, Pipe):
            head = self._file.read(_HEAD_BYTES)
            self._file.seek(0)
        try:
            self._container = _opened(self._file, head)
        except (FFmpegError, OSError, ValueError) as error:
            self._close_file()
            raise DecoderError(_why_not(error, self._file, head)) from error
        streams = self._container.streams.audio
        if not streams:
            self.close()
            raise DecoderError("no audio in it")
        chosen = next((one for one in streams if one.disposition & Disposition.default), streams[0])
        if getattr(chosen, "codec_context", None) is None:
            self.close()
            raise DecoderError("no decoder for its codec")
        self._stream: Any = chosen
        self.others = tuple(_stream_name(one) for one in streams if one is not chosen)
        self.sample_rate = int(chosen.codec_context.sample_rate or 0)
        self.channels = int(chosen.codec_context.channels or 0)
        if not self.sample_rate or not self.channels:
            self.close()
            raise DecoderError("an audio stream without rate or channels")
        self._names = frozenset(self._container.format.name.split(","))
        own = chosen.duration * chosen.time_base if chosen.duration and chosen.time_base else None
        whole = self._container.duration / av.time_base if self._container.duration else None
        if whole and "matroska" in self._names and chosen.start_time and chosen.time_base:  # its durations count from 0
            whole -= float(chosen.start_time * chosen.time_base)
        tagged = _tagged_duration_s(chosen)
        self.duration_s = float(own) if own is not None else tagged or whole
        self._pauses: list[tuple[int, int]] = []  # first frame, and that behind the last
        if "mov" in self._names and not isinstance(self._file, Pipe) and (parts := edits(self._file, chosen.id)):
            self.duration_s = sum(part.length_s for part in parts)
            ends = [round(end_s * self.sample_rate) for end_s in itertools.accumulate(part.length_s for part in parts)]
            self._pauses = [span for part, span in zip(parts[1:], itertools.pairwise(ends), strict=True) if part.pause]
        # All others guess a duration from the bit rate; beside a picture, that of the whole is the longer one's.
        alone = own is not None or tagged is not None or len(self._container.streams) == 1
        self._counted = (alone and bool(self._names & (TIMED | {"flac", "wv"}))) or (
            "mp3" in self._names and counts_frames(head, self.duration_s, self.sample_rate)
        )
        self.float_samples = chosen.codec_context.name.startswith("pcm_f")
        if "caf" in self._names and chosen.codec_context.name == "alac":
            # The last packet of ALAC is short already; FFmpeg would cut as much off it again.
            chosen.codec_context.flags2 |= Flags2.skip_manual
        # Its decoder of WMA drops the first frame, before which its encoder puts nothing.
        by_ffmpeg = self._container.metadata.get("encoder", "").startswith("Lavf")
        self._drops_first = by_ffmpeg and chosen.codec_context.name in ("wmav1", "wmav2")
        self._first_packet = b""
        self.partial = ""
        self._damaged = 0

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """See `AudioStream`."""
        sought = self._seek(start)
        after, end = 0, None
        for place, block in self._placed(sought):
            after, end = place + len(block), self._end
            if self._pauses:
                block = block.copy()
                for first, behind in self._pauses:
                    block[max(0, first - place) : max(0, behind - place)] = 0
            kept = block[max(0, start - place) : None if end is None else max(0, end - place)]
            if len(kept):
                yield kept
        # What its decoder keeps at the end.
        if end is not None and max(start, after) < end <= after + self._priming():
            yield np.zeros((end - max(start, after), self.channels), dtype=np.float32)
        claimed = self.duration_s if self._counted else None
        decoded_s = after / self.sample_rate
        if not self.partial and claimed and claimed - decoded_s > _MIN_GAP_S:
            self.partial = broken_off(decoded_s, claimed)
        if isinstance(self._source, Pipe):
            return
        if not self.partial and self._names & {"wav", "ogg"}:
            self.partial = (wav_partial if "wav" in self._names else ogg_partial)(self._source)
        if not self.partial:
            self.partial = cut_off(self._source, decoded_s)

    def close(self) -> None:
        """See `AudioStream`."""
        self._container.close()
        self._close_file()

    def _close_file(self) -> None:
        if isinstance(self._source, Path) and not isinstance(self._file, Pipe):
            self._file.close()

    def _seek(self, start: int) -> bool:
        """Goes some way before a frame where timestamps are exact; returns whether it did."""
        wanted_s = start / self.sample_rate - _LEAD_S
        if wanted_s <= _LEAD_S or not self._names & EXACT:
            return False
        try:
            wanted = int((self._origin_s + wanted_s) / self._stream.time_base)
            self._container.seek(wanted, stream=self._stream)
        except FFmpegError:
            return False
        return True

    @property
    def _origin_s(self) -> float:
        """The timestamp of the first frame."""
        return float((self._stream.start_time or 0) * self._stream.time_base)

    @property
    def _end(self) -> int | None:
        """The frame behind the last one, where that is told; of a pipe that of the fragments which came so far."""
        told = self.duration_s if self._names & EXACT else None
        if told and isinstance(self._file, Pipe):
            told = float((self._stream.duration or 0) * self._stream.time_base)
        return round(told * self.sample_rate) if told else None

    def _placed(self, sought: bool) -> Iterator[tuple[int, Block]]:
        """Yields decoded blocks and their places, with silence where timestamps leave a gap."""
        batch = FrameBatch(self.sample_rate, self.channels)
        place, some = 0, False  # the place is that of the next block
        timed, origin_s = bool(self._names & TIMED), self._origin_s
        for frame in self._frames():
            if not frame.samples:
                continue
            if not some:
                place = -self._priming()
                if self._drops_first:
                    self._drops_first = False
                    for block in _silence(frame.samples, self.channels):
                        yield place, block
                        place += len(block)
            if timed and frame.pts is not None:
                told = round((frame.time - origin_s) * self.sample_rate)
                gap = told - place - len(batch)
                if not some and sought:
                    place += told
                elif some and _MIN_GAP_S < gap / self.sample_rate < _MAX_GAP_S:
                    for block in itertools.chain(batch.empty(), _silence(gap, self.channels)):
                        yield place, block
                        place += len(block)
            try:
                while not batch.add(frame):
                    for block in batch.empty():
                        yield place, block
                        place += len(block)
                some = True
                if isinstance(self._file, Pipe):  # the next frame may be long in coming
                    for block in batch.empty():
                        yield place, block
                        place += len(block)
            except (FFmpegError, ValueError) as error:
                self._count_damage(error)
                if self._damaged > _MAX_DAMAGED:
                    break
        for block in batch.empty():
            yield place, block
        if not some:
            raise DecoderError(self.partial or "no samples")

    def _priming(self) -> int:
        """Returns how many samples come before the recording; the first packet must have been decoded."""
        told = "mp3" in self._names and bool(self._stream.start_time)
        codec = self._stream.codec_context.name
        return priming_samples(self._names, codec, told=told, first_packet=self._first_packet)

    def _frames(self) -> Iterator[Any]:
        """Yields decoded frames; damaged packets are counted."""
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError) as error:
                if not packet.size:  # it only changes the decoder's settings
                    continue
                if "mp3" in self._names and bytes(packet)[:1] != b"\xff":  # a tag between joined files
                    continue
                self._count_damage(error)
                if self._damaged > _MAX_DAMAGED:
                    return
                continue
            yield from frames

    def _count_damage(self, error: Exception) -> None:
        self._damaged += 1
        self.partial = f"{count_of(self._damaged, 'damaged packet')}: {reason_of(error)}"

    def _packets(self) -> Iterator[Any]:
        """Yields the packets of the chosen stream; a container that breaks off ends them."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError) as error:
                self.partial = f"breaks off: {reason_of(error)}"
                return
            except IndexError:  # PyAV, at the end of a file in which another stream began on the way
                return
            if packet is None:
                return
            self._first_packet = self._first_packet or bytes(packet)
            yield packet


def _opened(file: IO[bytes] | Pipe, head: bytes) -> Any:
    """Returns the container of a file that begins so."""
    options, kind = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}, None
    if isinstance(file, Pipe) and (raw := file.raw):
        options |= {"format_whitelist": "s16le", "sample_rate": f"{raw.sample_rate}", "ch_layout": f"{raw.channels}C"}
        kind = "s16le"
    elif not isinstance(file, Pipe) and head[4:8] == b"ftyp" and plays_once(file):
        options["advanced_editlist"] = "0"
    return av.open(file, "r", format=kind, options=options, metadata_errors="replace")


def _why_not(error: Exception, file: IO[bytes] | Pipe, head: bytes) -> str:
    """Returns why a file that begins so cannot be opened."""
    if (file.head if isinstance(file, Pipe) else head)[4:8] != b"ftyp":
        return reason_of(error)
    if isinstance(file, Pipe):
        return "an mp4 whose index (moov) comes last, or that is cut off; give the file itself"
    return "cut off before its index (moov) was written"  # recorders of phones write it last


def _silence(frames: int, channels: int) -> Iterator[Block]:
    step = BLOCK_SAMPLES // channels
    for begin in range(0, frames, step):
        yield np.zeros((min(step, frames - begin), channels), dtype=np.float32)


def _tagged_duration_s(stream: Any) -> float | None:
    """Returns how long a stream of Matroska is by its tag, None where it has none."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if found is None:
        return None
    end_s = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
    return end_s - float((stream.start_time or 0) * stream.time_base)


def _stream_name(stream: Any) -> str:
    words = [f"stream {stream.index}", stream.language or "", stream.metadata.get("title", "")]
    return " ".join(word for word in words if word)
