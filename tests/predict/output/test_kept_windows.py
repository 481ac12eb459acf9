"""At each moment an emotion has the mean of what the windows around say, of those in which somebody speaks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoclr.finetune.model.checkpoint import EnsembleCard
from emoclr.finetune.model.emotion_model import EmotionModel, Ensemble
from emoclr.predict.output.kept_windows import KeptWindows, joined, means_around
from emoclr.predict.output.page.recording_on_page import PagedRecording, summary_of
from emoclr.predict.output.page.sound_picture import SoundPicture
from emoclr.predict.stream.rows import Over, Window, item_lines
from emoclr.pretrain.encoder.encoder import Encoder, EncoderSettings


@given(hop=st.sampled_from([0.25, 0.3, 1.0, 2.0]), spoken=st.lists(st.booleans(), min_size=1, max_size=12))
def test_means_are_those_of_windows_around(hop: float, spoken: list[bool]) -> None:
    rng = np.random.default_rng(0)
    starts = [hop * n for n in range(len(spoken))]
    starts[-1] -= hop / 3 if len(starts) > 1 else 0.0  # the last one is moved back
    windows = [Window(0, at, at + 1.0, [], np.ones(int(said))) for at, said in zip(starts, spoken, strict=True)]
    probabilities = rng.uniform(size=(len(windows), 2)) * np.array(spoken)[:, None]
    moments_s, means = means_around(windows, probabilities)
    ends_s = [*moments_s[1:], windows[-1].end_s]
    for start_s, end_s, mean in zip(moments_s, ends_s, means, strict=True):
        middle_s = (start_s + end_s) / 2
        around = [
            p for w, p in zip(windows, probabilities, strict=True) if w.start_s <= middle_s < w.end_s and len(w.logits)
        ]
        assert mean == pytest.approx(np.mean(around, axis=0) if around else [0, 0], abs=1e-9)


def test_voices_of_overlapping_windows_are_joined() -> None:
    none = np.zeros(0)
    windows = [
        Window(0, 0, 2, [(0, 0.5), (1, 2)], none),
        Window(0, 1, 3, [(1, 2.5)], none),
        Window(0, 2, 4, [(3, 4)], none),
    ]
    assert joined(windows) == [(0, 0.5), (1, 2.5), (3, 4)]


def test_silence_that_a_segment_bridges_is_not_counted_as_speech() -> None:
    sure, nobody = np.array([5.0, -5.0]), np.zeros(0)
    windows = [
        Window(0, 0.0, 1.0, [(0.0, 1.0)], sure),
        Window(0, 0.9, 1.9, [(0.9, 1.0), (1.8, 1.9)], nobody),
        Window(0, 1.8, 2.8, [(1.8, 2.8)], sure),
    ]
    lines = item_lines([*windows, Over(0, 2.8)]).encode().splitlines()
    model = EmotionModel(Encoder(EncoderSettings(backbone="test_resnet")), n_emotions=2)
    ensemble = Ensemble([model], np.ones((1, 2)), np.full((1, 2), 0.5), "mean")
    card = EnsembleCard(members=["."], emotions=["joy", "fear"], thresholds=[0.5, 0.5], window_s=1.0, hop_s=0.9)
    kept = KeptWindows(lambda: lines, ensemble, card, [Path("a.wav")], None, [])
    (heard,) = kept.recordings()
    assert [(one.start_s, one.end_s, one.emotion) for one in heard.segments] == [(0.0, 2.8, "joy")]
    picture = SoundPicture().finish()
    paged = PagedRecording(
        Path("a.wav"), heard.spoken, picture, heard.moments_s, heard.probabilities, heard.voiced, heard.segments
    )
    told = summary_of(paged)
    assert (told.duration_s, told.voiced_s) == pytest.approx((2.8, 2.0))
    assert [*told.named_s] == pytest.approx([2.0, 0.0]) == [*kept.spoken.emotions_s]
