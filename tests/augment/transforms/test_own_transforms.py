import subprocess
import sys

import numpy as np
import pytest

import emoclr.augment.transforms
from emoclr.augment.safety import refusal
from emoclr.augment.settings import AugmentSettings
from emoclr.augment.transforms import own_names, own_transform
from emoclr.augment.waveform import WaveformAugmentation

HALVE = """
from audiomentations.core.transforms_interface import BaseWaveformTransform

class HalveLevel(BaseWaveformTransform):
    def __init__(self, p=0.5):
        super().__init__(p)

    def apply(self, samples, sample_rate):
        return samples / 2
"""


@pytest.mark.parametrize("name", sorted(own_names()))
def test_a_file_holds_the_class_that_its_name_says(name):
    assert own_transform(name).__name__ == name


def test_a_name_that_no_file_has_is_no_transform_of_our_own():
    assert own_transform("Gain") is None


def test_a_new_file_is_known_safe_and_built_without_a_change_anywhere_else(tmp_path, monkeypatch):
    content = {"transforms": [{"name": "HalveLevel", "p": 1}]}
    assert "known to be safe" in refusal("HalveLevel")
    (tmp_path / "halve_level.py").write_text(HALVE)
    monkeypatch.setattr(emoclr.augment.transforms, "__path__", [*emoclr.augment.transforms.__path__, str(tmp_path)])
    settings = AugmentSettings.model_validate(content)
    assert settings.unsafe == []
    augmentation = WaveformAugmentation(settings.transforms, 16_000)
    halved = augmentation(np.ones(100, np.float32), np.random.SeedSequence(0))
    np.testing.assert_array_equal(halved, np.full(100, 0.5, np.float32))


def test_settings_are_checked_without_importing_what_they_name():
    script = (
        "import sys; from emoclr.augment.settings import AugmentSettings;"
        "AugmentSettings(transforms=[{'name': 'AddNoise'}, {'name': 'Gain'}]);"
        "sys.exit('audiomentations' in sys.modules or 'torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
