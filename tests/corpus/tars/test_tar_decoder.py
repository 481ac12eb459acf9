"""Clips of tars are decoded beside the process that reads them; what kills a decoder costs its clip."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from emoclr.corpus.audio.decoder import AudioError, decode_waveform
from emoclr.corpus.parallel.side_process import SideProcess
from emoclr.corpus.tars.tar import BrokenTar, TarSample
from emoclr.corpus.tars.tar_decoder import TarDecoder, batches


def decode_or_die(task):
    if task[0] == b"dies":
        os._exit(3)
    return decode_waveform(*task)


def clip(number, seconds=0.1):
    file = io.BytesIO()
    sf.write(file, np.random.default_rng(number).uniform(-0.5, 0.5, round(seconds * 16_000)), 16_000, format="FLAC")
    return TarSample(f"{number}", f"a.tar: {number}.flac", file.getvalue())


def test_clips_come_with_their_waveforms_or_why_they_have_none(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3])
    clips = [clip(number) for number in range(20)]
    clips[3] = TarSample("3", "a.tar: 3", problem="no recording in it")
    clips[5] = TarSample("5", "a.tar: 5.wav", b"no sound at all")
    clips[17] = TarSample("17", "a.tar: 17.wav", b"dies")
    with TarDecoder() as decoder:
        decoder._process = SideProcess(decode_or_die)
        came = [
            (one, waveform if isinstance(waveform, AudioError) else waveform.copy())
            for one, waveform in decoder.waveforms(iter(clips))
        ]
        decoder.close()
    assert [one for one, _ in came] == clips
    reasons = {number: str(answer) for number, (_, answer) in enumerate(came) if isinstance(answer, AudioError)}
    assert reasons.keys() == {3, 5, 17}
    assert reasons[3] == "a.tar: 3: no recording in it"
    assert "cannot be read as audio" in reasons[5]
    assert reasons[17] == "a.tar: 17.wav: its decoder crashed: exit code 3"
    for number, (one, waveform) in enumerate(came):
        if number not in reasons:
            np.testing.assert_array_equal(waveform, decode_waveform(one.audio, Path(one.name)))


def test_of_a_tar_that_breaks_off_what_came_before_is_decoded():
    def broken():
        yield from (clip(number) for number in range(3))
        raise BrokenTar("a.tar", "unexpected end of data")

    coming = batches(broken())
    assert [one.key for one in next(coming)] == ["0", "1", "2"]
    with pytest.raises(BrokenTar):
        next(coming)
