import numpy as np
import torch

from emoclr.pretrain.objectives.speaker_centring import center_speakers

SPEAKERS = [3, 0, 3, -1, 5, 0, 3, -1]
"""5 has one clip, and two clips are of nobody that is known."""


def projections():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, len(SPEAKERS), 4, generator=generator, dtype=torch.float64).unbind()


def test_each_speakers_projections_have_the_mean_of_their_voice_taken_away():
    first, second = projections()
    expected = np.stack([first, second])
    for speaker in (0, 3):
        rows = [row for row, other in enumerate(SPEAKERS) if other == speaker]
        mean = np.mean([expected[view, row] for view in (0, 1) for row in rows], axis=0)
        expected[:, rows] -= mean
    found = center_speakers(first, second, torch.tensor(SPEAKERS))
    np.testing.assert_allclose(torch.stack(found), expected, atol=1e-12)
    assert torch.equal(found[0][[3, 4, 7]], first[[3, 4, 7]])


def test_what_a_voice_has_in_common_makes_no_difference():
    first, second = projections()
    voices = torch.randn(6, 4, dtype=torch.float64)[SPEAKERS]
    known = torch.tensor([True, True, True, False, False, True, True, False])
    found = center_speakers(first, second, torch.tensor(SPEAKERS))
    shifted = center_speakers(first + voices, second + voices, torch.tensor(SPEAKERS))
    torch.testing.assert_close([side[known] for side in shifted], [side[known] for side in found])
    assert not torch.allclose(shifted[0][4], found[0][4])
