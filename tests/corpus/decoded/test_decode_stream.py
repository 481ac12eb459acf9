import numpy as np
import pytest

from emoclr.corpus.decoded.decode_stream import Ended, Opened, decode_streams


@pytest.mark.parametrize(("channels", "level"), [("auto", 0.375), (1, 0.25), (2, 0.5), ("loudest", 0.5)])
def test_a_stream_is_of_the_channels_that_are_asked_for(write_tone, channels, level):
    path = write_tone("stereo.wav", channels=(0.5, 1.0))
    pieces = [piece for _, piece in decode_streams([path], channels)]
    assert pieces[0] == Opened(16_000) and isinstance(pieces[-1], Ended)
    heard = np.concatenate(pieces[1:-1]) / 32_768
    assert np.abs(heard).max() == pytest.approx(level, abs=0.001)
