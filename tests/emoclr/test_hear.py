"""The rules of the HEAR 2021 API (https://hearbenchmark.com/hear-api.html), and what stands at which timestamp."""

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import emoclr
from emoclr import hear
from emoclr.configs.errors import ConfigError

RATE = 16_000
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def run(workspace: Path) -> Path:
    return workspace / "checkpoints/my-run"


@pytest.fixture(scope="module")
def model(run: Path) -> hear.HearModel:
    return hear.load_model(str(run))


def noise(sounds: int, samples: int) -> torch.Tensor:
    return 2 * torch.rand(sounds, samples, generator=torch.Generator().manual_seed(7)) - 1


def test_the_model_has_what_the_benchmark_reads(model: hear.HearModel) -> None:
    assert isinstance(model, torch.nn.Module) and not model.training
    assert model.sample_rate in (16_000, 22_050, 32_000, 44_100, 48_000)
    assert type(model.scene_embedding_size) is int and type(model.timestamp_embedding_size) is int
    module = importlib.import_module("emoclr.hear")
    assert module.load_model("").scene_embedding_size == emoclr.load_encoder("emoclr-small/resnet10t")[0].features
    with pytest.raises(ConfigError, match="nowhere"):
        module.load_model("nowhere")


@pytest.mark.parametrize(("version", "released"), [("2021.0.2", False), ("2021.0.6", False), ("2021.0.6", True)])
def test_the_validator_of_the_benchmark_passes_it(
    run: Path, version: str, released: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(sys.prefix) / "hearvalidator" / version / "hearvalidator/validate.py"
    if not path.is_file():
        pytest.skip(f"{path} is missing: make install")
    tensorflow = ModuleType("tensorflow")  # it asks whether the model is one of TensorFlow
    tensorflow.Module = type("Module", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    validator = module_of(path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        validator.ValidateModel("emoclr.hear", "" if released else str(run), "cpu")()
    messages = [str(warning.message) for warning in told]
    assert [message for message in messages if message.startswith(("Your timestamps", "We suggest"))] == []


@pytest.mark.parametrize("samples", [1, 799, 800, 8_000, int(1.07 * RATE), 2 * RATE])
def test_timestamps_are_even_from_0_to_the_end_at_most_50_ms_apart(model: hear.HearModel, samples: int) -> None:
    audio = noise(2, samples)
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    assert embeddings.dtype == torch.float32 and torch.isfinite(embeddings).all()
    assert embeddings.shape == (2, timestamps.shape[1], model.timestamp_embedding_size)
    assert timestamps.shape[0] == 2 and torch.equal(timestamps[0], timestamps[1])
    length_ms = 1_000 * samples / RATE
    assert timestamps[0, 0] == 0 and length_ms - 50 < timestamps[0, -1] <= length_ms
    assert set(np.diff(timestamps[0].numpy()).tolist()) <= {50.0}
    scenes = hear.get_scene_embeddings(audio, model)
    assert scenes.dtype == torch.float32 and scenes.shape == (2, model.scene_embedding_size)


def test_the_window_of_a_timestamp_is_centred_on_it(model: hear.HearModel, run: Path) -> None:
    encoder, card = emoclr.load_encoder(run)
    half = round(card.crop_s * RATE) // 2
    audio = noise(1, RATE)
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    for number in (0, 7, 20):
        centre = round(timestamps[0, number].item() * RATE / 1_000)
        window = torch.zeros(1, 2 * half)
        first, last = max(0, centre - half), min(RATE, centre + half)
        window[0, first - centre + half : last - centre + half] = audio[0, first:last]
        with torch.inference_mode():
            expected = encoder(window)[0]
        assert embeddings[0, number].numpy() == pytest.approx(expected.numpy(), abs=1e-4)


def test_a_sound_in_silence_changes_the_embeddings_around_it_alone(model: hear.HearModel, run: Path) -> None:
    window_ms = 1_000 * emoclr.load_encoder(run)[1].crop_s
    audio = torch.zeros(1, 3 * RATE)
    silence, timestamps = hear.get_timestamp_embeddings(audio, model)
    audio[:, 24_000:24_160] = noise(1, 160)
    embeddings, _ = hear.get_timestamp_embeddings(audio, model)
    changed = timestamps[0][(embeddings - silence).abs().amax(dim=2)[0] > 1e-3]
    assert changed.min() == pytest.approx(1_505 - window_ms / 2, abs=55)
    assert changed.max() == pytest.approx(1_505 + window_ms / 2, abs=55)


def test_scenes_have_the_embeddings_of_embed(model: hear.HearModel, run: Path) -> None:
    audio = noise(3, 20_000)
    expected = emoclr.embed(run, list(audio.numpy()), RATE, gate="none")
    assert hear.get_scene_embeddings(audio, model).numpy() == pytest.approx(expected, abs=1e-4)


def test_sounds_are_heard_apart(model: hear.HearModel) -> None:
    audio = noise(3, 12_000)
    for function in (hear.get_scene_embeddings, lambda *given: hear.get_timestamp_embeddings(*given)[0]):
        alone = torch.cat([function(sound[None], model) for sound in audio])
        assert function(audio, model).numpy() == pytest.approx(alone.numpy(), abs=1e-4)


def test_the_example_for_x_ares_keeps_its_rules() -> None:
    """Those of `xares.audio_encoder_checker`, which cannot be installed without torchaudio and transformers."""
    module = example("xares_encoder")
    (name,) = (name for name in dir(module) if name.endswith("Encoder"))
    encoder = getattr(module, name)()
    assert isinstance(encoder, torch.nn.Module) and encoder.sampling_rate == RATE
    samples = 10_000
    encoded = encoder(noise(2, samples))
    assert encoded.ndim == 3 and encoded.shape[0] == 2 and encoded.shape[2] == encoder.output_dim
    assert encoded.shape[1] == pytest.approx(1_000 * samples / RATE / encoder.hop_size_in_ms, abs=1)


class EvarBase(torch.nn.Module):
    """What `evar.ar_base.BaseAudioRepr` does: it keeps the config. All else there has to be given by who derives."""

    def __init__(self, cfg: dict[str, object]) -> None:
        super().__init__()
        self.cfg = dict(cfg)


def test_the_example_for_evar_gives_frames_and_sounds_as_it_asks(
    run: Path, model: hear.HearModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ModuleType("evar.ar_base")
    base.BaseAudioRepr = EvarBase  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "evar", ModuleType("evar"))
    monkeypatch.setitem(sys.modules, "evar.ar_base", base)
    representation = example("evar_encoder").AR_EmoCLR
    cfg = {"source": str(run), "sample_rate": RATE, "feature_d": model.scene_embedding_size}
    encoder = representation(cfg).eval()
    audio = noise(2, 40_000)  # 2.5 s, as EVAR hears CREMA-D
    frames = encoder.encode_frames(audio)
    assert frames.shape == (2, cfg["feature_d"], 51)  # (sounds, features, times)
    assert torch.equal(frames[0, :, 7], hear.get_timestamp_embeddings(audio, model)[0][0, 7])
    sounds = torch.nn.DataParallel(encoder)(audio)  # as its linear evaluation calls it
    assert torch.equal(sounds, hear.get_scene_embeddings(audio, model))
    for key in ("sample_rate", "feature_d"):
        with pytest.raises(ValueError, match=f"{key}: {cfg[key]}"):
            representation(cfg | {key: 7})


def example(name: str) -> ModuleType:
    """Returns an example as a module."""
    return module_of(EXAMPLES / f"{name}.py")


def module_of(path: Path) -> ModuleType:
    """Returns a file that is in no package as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
