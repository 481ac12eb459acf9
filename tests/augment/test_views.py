import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from emoclr.augment.settings import AugmentSettings, MaskSettings, TransformSettings
from emoclr.augment.views import ViewMaker

RATE = 16_000
NOISE = [TransformSettings.model_validate({"name": "AddGaussianSNR", "p": 1})]
places = st.tuples(st.integers(0, 2**31), st.integers(0, 10_000), st.integers(0, 10**6), st.integers(0, 3))


def maker(seed=0, crop=800, **augment):
    return ViewMaker(AugmentSettings.model_validate(augment), crop, RATE, seed)


def make_view(place, crop):
    seed, *rest = place
    return maker(seed, transforms=NOISE, masks=MaskSettings(time_masks=1, max_time_s=1.0)).make(crop, *rest)


def sine(samples):
    return (0.3 * np.sin(np.arange(samples) / 7)).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(place=places, other=places)
def test_a_view_follows_from_seed_epoch_clip_and_view_and_from_each_of_them(place, other):
    view = make_view(place, sine(800))
    again = make_view(place, sine(800))
    assert view.waveform.tobytes() == again.waveform.tobytes() and view.masks.tobytes() == again.masks.tobytes()
    for position, number in enumerate(other):
        changed = (*place[:position], number, *place[position + 1 :])
        if changed != place:
            different = make_view(changed, sine(800))
            assert not np.array_equal(view.waveform, different.waveform)
            assert not np.array_equal(view.masks, different.masks)


@settings(deadline=None, max_examples=20)
@given(places=st.lists(places.map(lambda place: place[1:]), min_size=2, max_size=5))
def test_the_order_of_making_changes_nothing(places):
    one = maker(transforms=NOISE)
    forwards = [one.make(sine(800), *place).waveform.tobytes() for place in places]
    backwards = [one.make(sine(800), *place).waveform.tobytes() for place in reversed(places)]
    assert forwards == backwards[::-1]


def test_a_change_of_the_augmentation_leaves_crops_and_masks_where_they_were():
    plain, noisy = maker(), maker(transforms=NOISE)
    np.testing.assert_array_equal(plain.make(sine(800), 1, 2, 0).masks, noisy.make(sine(800), 1, 2, 0).masks)
    assert plain.crop_start(50_000, 1, 2, 1) == noisy.crop_start(50_000, 1, 2, 1)


@settings(deadline=None, max_examples=100)
@given(
    positives=st.sampled_from(["same_segment", "nearby", "clip"]),
    clip_samples=st.integers(1, 100_000),
    crop=st.integers(1, 30_000),
    nearby_s=st.floats(0, 3),
    place=places,
)
def test_crops_lie_within_the_clip_and_as_near_as_positives_says(positives, clip_samples, crop, nearby_s, place):
    seed, epoch, clip, _ = place
    made = maker(seed, crop, positives=positives, nearby_s=nearby_s)
    starts = [made.crop_start(clip_samples, epoch, clip, view) for view in range(3)]
    assert starts == [made.crop_start(clip_samples, epoch, clip, view) for view in range(3)]
    assert all(0 <= start <= max(0, clip_samples - crop) for start in starts)
    if positives == "same_segment":
        assert len(set(starts)) == 1
    if positives == "nearby":
        assert all(abs(start - starts[0]) <= nearby_s * RATE for start in starts)


@pytest.mark.parametrize("positives", ["same_segment", "nearby", "clip"])
def test_the_first_view_may_be_anywhere_in_the_clip(positives):
    made = maker(positives=positives)
    starts = [made.crop_start(32_800, 0, clip, 0) / 32_000 for clip in range(500)]
    assert kstest(starts, "uniform").pvalue > 0.01


def test_views_of_a_clip_are_independent_and_nearby_ones_spread_over_their_reach():
    apart = {}
    for positives in ("clip", "nearby"):
        made = maker(positives=positives, nearby_s=0.25)
        pairs = np.array([[made.crop_start(64_800, 0, clip, view) for view in (0, 1)] for clip in range(500)])
        apart[positives] = pairs
    independent = np.corrcoef(apart["clip"].T)[0, 1]
    assert abs(independent) < 0.15
    middle = apart["nearby"][(apart["nearby"][:, 0] > 4_000) & (apart["nearby"][:, 0] < 60_000)]
    distance = (middle[:, 1] - middle[:, 0]) / 8_000 + 0.5
    assert kstest(distance, "uniform").pvalue > 0.01


@settings(deadline=None, max_examples=30)
@given(samples=st.integers(1, 2_000))
def test_a_short_clip_fills_a_view_with_silence_or_with_itself_again(samples):
    silent, repeated = (
        maker(crop=800, short=short).make(sine(samples), 0, 0, 0).waveform for short in ("zero", "repeat")
    )
    assert silent.dtype == repeated.dtype == np.float32
    np.testing.assert_array_equal(silent, np.concatenate([sine(samples), np.zeros(800)])[:800])
    np.testing.assert_array_equal(repeated, sine(samples)[np.arange(800) % samples])


def test_masks_are_as_wide_as_the_settings_say_in_seconds_of_the_view():
    masks = MaskSettings(time_masks=1, max_time_s=0.01, frequency_masks=0)
    made = maker(crop=800, masks=masks)  # 0.05 s
    widths = [np.diff(made.make(sine(800), 0, clip, 0).masks)[0, 0] for clip in range(100)]
    assert 0.18 < max(widths) <= 0.2 + 1e-6
