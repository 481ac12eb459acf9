"""Windows cover a clip, and a clip's embedding does not depend on its neighbours."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import given
from hypothesis import strategies as st

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.clips.clip_table import Clip
from emoclr.corpus.decoded.waveforms import WaveformStore, open_waveforms
from emoclr.pretrain.encoder.embedding import embed_clips
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings
from emoclr.pretrain.encoder.windows import window_starts
from emoclr.probe.features.logmel import chance_probabilities, logmel_statistics

RATE = 16_000
DURATIONS_S = (0.5, 1.0, 1.7, 3.2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WaveformStore:
    folder = tmp_path_factory.mktemp("clips")
    generator = np.random.default_rng(0)
    for clip, duration_s in enumerate(DURATIONS_S):
        sf.write(folder / f"{clip}.wav", 0.1 * generator.normal(size=round(duration_s * RATE)), RATE)
    return open_waveforms([Clip(folder / f"{clip}.wav") for clip in range(len(DURATIONS_S))], folder / "cache", 1)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderSettings(backbone="test_resnet")).eval()


@given(st.integers(1, 50_000), st.integers(1, 8_000), st.data())
def test_windows_cover_the_whole_clip_and_overlap_as_asked(samples: int, window: int, data: st.DataObject) -> None:
    hop = data.draw(st.integers(1, window))
    starts = window_starts(samples, window, hop)
    assert starts[0] == 0 and starts[-1] == max(0, samples - window)
    assert (np.diff(starts) <= hop).all() and (np.diff(starts) > 0).all()


def test_windows_lie_on_one_grid_and_the_last_ends_with_the_clip() -> None:
    assert window_starts(50_000, 32_000, 16_000).tolist() == [0, 16_000, 18_000]
    assert window_starts(64_000, 32_000, 16_000).tolist() == [0, 16_000, 32_000]
    longer, shorter = (window_starts(samples, 32_000, 16_000) for samples in (333_333, 222_222))
    assert longer[: len(shorter) - 1].tolist() == shorter[:-1].tolist()


def test_a_hop_that_leaves_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="hop 3"):
        window_starts(10, 2, 3)


def test_an_embedding_is_the_mean_over_its_windows(encoder: Encoder, store: WaveformStore) -> None:
    found = embed_clips(encoder, store, 1.0, 0.5, batch_size=3, precision="fp32")
    assert found.shape == (4, encoder.features)
    with torch.inference_mode():
        for clip in range(len(store)):
            waveform = store.waveform(clip)
            if len(waveform) < RATE:
                waveform = np.pad(waveform, (0, RATE - len(waveform)))
            starts = window_starts(len(waveform), RATE, RATE // 2)
            alone = [encoder(torch.from_numpy(waveform[start : start + RATE])[None])[0] for start in starts]
            assert found[clip] == pytest.approx(torch.stack(alone).mean(0).numpy(), rel=1e-3, abs=1e-4)


def test_embedding_leaves_the_encoder_as_it_was(store: WaveformStore) -> None:
    encoder = Encoder(EncoderSettings(backbone="test_resnet")).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    embed_clips(encoder, store, 1.0, 1.0)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_short_windows_give_the_same_embeddings_in_any_precision(store: WaveformStore) -> None:
    torch.manual_seed(0)
    encoder = Encoder(EncoderSettings(backbone="resnet10t"))
    exact = embed_clips(encoder, store, 0.5, 0.5, precision="fp32")
    assert embed_clips(encoder, store, 0.5, 0.5, precision="bf16") == pytest.approx(exact, rel=0.05, abs=0.01)


def test_an_encoder_that_gives_no_numbers_is_an_error(store: WaveformStore) -> None:
    encoder = Encoder(EncoderSettings(backbone="test_resnet"))
    with torch.no_grad():
        next(encoder.backbone.parameters()).fill_(float("nan"))
    with pytest.raises(EmoclrError, match="no numbers"):
        embed_clips(encoder, store, 1.0, 1.0)


def test_logmel_statistics_equal_librosas(store: WaveformStore) -> None:
    import librosa

    found = logmel_statistics(store)
    for clip in range(len(store)):
        mel = librosa.feature.melspectrogram(
            y=store.waveform(clip), sr=RATE, n_fft=1024, hop_length=320, n_mels=128, pad_mode="constant"
        )
        levels = np.log(mel + 1e-5)
        assert found[clip] == pytest.approx(np.concatenate([levels.mean(1), levels.std(1)]), abs=1e-5)


def test_a_long_clip_in_blocks_has_the_statistics_of_the_whole(
    store: WaveformStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = logmel_statistics(store)
    monkeypatch.setattr("emoclr.probe.features.logmel.BLOCK_S", 1)
    # Blocks differ only in the frames at their edges, which see silence beyond.
    assert logmel_statistics(store) == pytest.approx(whole, abs=0.5)


def test_chance_is_the_prior_for_every_clip() -> None:
    assert chance_probabilities([[1, 0], [0, 0.5]], 3).tolist() == [[0.5, 0.25]] * 3


def test_a_recording_that_is_gone_on_the_way_is_named(encoder: Encoder, tmp_path: Path) -> None:
    for clip in range(2):
        sf.write(tmp_path / f"{clip}.wav", 0.1 * np.random.default_rng(clip).normal(size=RATE), RATE)
    clips = [Clip(tmp_path / f"{clip}.wav") for clip in range(2)]
    uncached = open_waveforms(clips, tmp_path / "cache", 1, cache_gb=0)
    (tmp_path / "1.wav").unlink()
    with pytest.raises(EmoclrError, match=r"1\.wav: "):
        embed_clips(encoder, uncached, 1.0, 0.5, precision="fp32")
