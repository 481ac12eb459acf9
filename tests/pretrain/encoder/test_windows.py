"""Windows that are cut from a stream are those of the whole recording, however its samples come."""

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import emoclr.corpus.decoded.decode_clip
import emoclr.corpus.decoded.decode_stream
import emoclr.pretrain.encoder.streamed_windows
from emoclr.corpus.audio.decoder import read_waveform
from emoclr.corpus.audio.padding import fix_length
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.decode_stream import Opened, decode_stream, decode_streams
from emoclr.corpus.decoded.waveforms import open_waveforms
from emoclr.pretrain.encoder.embedding import WindowNetwork, embed_clips
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.streamed_windows import RecordingEnd, WindowOutput, stream_windows
from emoclr.pretrain.encoder.windows import WindowCutter, window_starts

RATE = 16_000


@settings(deadline=None)
@given(
    samples=st.integers(1, 300),
    window=st.integers(1, 80),
    share=st.floats(0.01, 1),
    blocks=st.lists(st.integers(0, 120), max_size=12),
    skipped=st.integers(0, 3),
)
def test_windows_of_blocks_are_those_of_the_whole(samples, window, share, blocks, skipped) -> None:
    hop = max(1, int(share * window))
    whole = np.arange(1, samples + 1, dtype=np.float32)
    cutter = WindowCutter(window, hop, "repeat", skipped)
    edges = [*np.cumsum(blocks).tolist(), samples]
    found = [*(crop for part in np.split(whole, edges) for crop in cutter.push(part)), *cutter.finish()]
    starts = window_starts(samples, window, hop)[skipped:]
    assert [crop.start for crop in found] == starts.tolist() and cutter.received == samples
    for crop in found:
        expected = fix_length(whole[crop.start : crop.start + window], window, "repeat")
        np.testing.assert_array_equal(crop.waveform, expected)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Recordings of 0.4 to 7 s, two of them stereo and not at 16 kHz, one broken, one silent, one cut short."""
    folder = tmp_path_factory.mktemp("recordings")
    noise = np.random.default_rng(0).normal(0, 0.1, (7 * 44_100, 2))
    sf.write(folder / "a.wav", noise[: 7 * RATE, 0], RATE)
    sf.write(folder / "b.flac", noise, 44_100)
    sf.write(folder / "c.wav", noise[: 4 * RATE // 10, 0], RATE)
    (folder / "d.wav").write_bytes(b"no sound")
    sf.write(folder / "e.wav", np.zeros(RATE), RATE)
    sf.write(folder / "f.wav", noise[:30_000] * [1, 0], 22_050)
    whole = (folder / "a.wav").read_bytes()
    (folder / "g.wav").write_bytes(whole[: len(whole) // 2])
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderSettings(backbone="test_resnet")).eval()


@pytest.mark.parametrize("held_s", [600, 2])
def test_streamed_recordings_give_what_stored_ones_give(
    paths: list[Path], encoder: Encoder, held_s: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emoclr.corpus.decoded.decode_stream, "MAX_HELD_SAMPLES", held_s * RATE)
    monkeypatch.setattr(emoclr.corpus.decoded.decode_clip, "_BLOCK_SAMPLES", 10_000)
    monkeypatch.setitem(emoclr.pretrain.encoder.streamed_windows.BATCH_WINDOWS, "cpu", 5)
    store = open_waveforms([Clip(path) for path in paths], tmp_path, workers=1)
    stored = embed_clips(encoder, store, 1.0, 0.5, precision="fp32", short="repeat")
    network = WindowNetwork(encoder, 1.0, "cpu", "fp32", "embedding")
    pieces = [(number, piece) for number, path in enumerate(paths) for piece in all_of(path)]
    batches = list(stream_windows(network, pieces, 1.0, 0.5, "repeat"))
    items = [item for batch in batches for item in batch]
    assert [sum(isinstance(item, WindowOutput) for item in batch) for batch in batches[:-1]] == [5] * (len(batches) - 1)
    for clip, row in enumerate(store.source_rows.tolist()):
        windows = [item for item in items if isinstance(item, WindowOutput) and item.recording == row]
        assert windows[-1].end == store.samples[clip]
        assert np.mean([item.output for item in windows], axis=0) == pytest.approx(stored[clip], abs=1e-6)
    ends = [item for item in items if isinstance(item, RecordingEnd)]
    assert [end.recording for end in ends] == list(range(len(paths)))
    assert [end.silent for end in ends if not end.ended.failure] == store.silent.tolist()
    told = {clip: end.ended for clip, end in enumerate(end for end in ends if not end.ended.failure)}
    assert {clip: ended.partial for clip, ended in told.items() if ended.partial} == store.partial
    assert {clip: "; ".join(ended.notes) for clip, ended in told.items() if ended.notes} == store.notes
    assert [store.failures[0].reason] == [end.ended.failure for end in ends if end.ended.failure]


@pytest.mark.parametrize("threads", [1, 2, 3, 6])
def test_batches_are_computed_at_once_and_come_in_their_order(
    paths: list[Path], encoder: Encoder, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(emoclr.pretrain.encoder.streamed_windows.BATCH_WINDOWS, "cpu", 1)
    under_way, most, shared = 0, 0, set()
    lock, full = threading.Lock(), threading.Event()

    class Slow(nn.Module):
        """The first batches wait until as many are under way as may be."""

        def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
                shared.add(torch.get_num_threads())
                if most == lanes:
                    full.set()
            assert full.wait(10)
            with lock:
                under_way -= 1
            return waveforms[:, :1]

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        network = WindowNetwork(Slow(), 1.0, "cpu", "fp32", "embedding")
        lanes = network.at_once
        batches = list(stream_windows(network, [(0, piece) for piece in all_of(paths[1])], 1.0, 0.5, "repeat"))
        seen: list[int] = []
        late = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        late.start()
        late.join()
        assert (torch.get_num_threads(), seen) == (threads, [threads])
    finally:
        torch.set_num_threads(before)
    assert (most, shared) == (lanes, {threads // lanes}) and lanes == {1: 1, 2: 2, 3: 3, 6: 3}[threads]
    windows = [item for batch in batches for item in batch if isinstance(item, WindowOutput)]
    waveform = read_waveform(paths[1])
    assert [window.start for window in windows[:-1]] == [8_000 * place for place in range(len(windows) - 1)]
    heard = [float(window.output[0]) for window in windows]
    assert len(heard) > 6 and heard == pytest.approx([float(waveform[window.start]) for window in windows], abs=1e-4)


def all_of(path: Path) -> list:
    """Returns the pieces of a recording, decoded in this process."""
    pieces = decode_stream(path)
    found = []
    while True:
        try:
            found.append(next(pieces))
        except StopIteration as over:
            return [*found, over.value]


def test_a_long_recording_is_handed_on_while_it_is_decoded(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emoclr.corpus.decoded.decode_stream, "MAX_HELD_SAMPLES", 2 * RATE)
    monkeypatch.setattr(emoclr.corpus.decoded.decode_clip, "_BLOCK_SAMPLES", 10_000)
    decoded = []
    to_int16 = emoclr.corpus.decoded.decode_stream.to_int16
    monkeypatch.setattr(
        emoclr.corpus.decoded.decode_stream, "to_int16", lambda block: decoded.append(len(block)) or to_int16(block)
    )
    pieces = decode_stream(paths[1])
    assert next(pieces) == Opened(7 * RATE) and 2 * RATE < sum(decoded) < 4 * RATE
    assert sum(map(len, pieces)) == sum(decoded) == 7 * RATE


def test_pieces_of_processes_are_those_of_this_one(paths: list[Path]) -> None:
    found = list(decode_streams(paths))
    expected = [(number, piece) for number, path in enumerate(paths) for piece in all_of(path)]
    assert [number for number, _ in found] == [number for number, _ in expected]
    for (_, piece), (_, other) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(piece, other) if isinstance(piece, np.ndarray) else None
        assert isinstance(piece, np.ndarray) or piece == other
