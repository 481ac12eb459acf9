"""What encoders and decoders put before the first sample of a recording, where its container does not tell."""

from collections.abc import Collection

PRIMING = {
    "aac": 1024,  # of FFmpeg's encoder, and one overlap of any; Apple's puts 2112, FDK's 2048 (Apple, TN2258)
    "ac3": 256,
    "amrnb": 91,
    "eac3": 256,
    "g722": 22,
    "g723_1": 60,
    "mp3float": 1105,  # LAME's 576, and the 529 of any decoder
    "mp2": 481,
    "nellymoser": 128,
    "real_144": 160,
}
"""Samples by FFmpeg's name of the decoder: the delay of its own encoders with it, as measured in formats.csv."""

_TELLING = frozenset({"mov", "matroska", "webm", "ogg", "caf"})
_AMR_DECODER = 41
_MPEGTS_OPUS = 312
_LAYER_II = 0b100


def priming_samples(names: Collection[str], codec: str, *, told: bool, first_packet: bytes) -> int:
    """Returns how many samples of a decoded stream come before the first one of the recording.

    Args:
        names: of its container, as FFmpeg calls it.
        codec: FFmpeg's name of its decoder.
        told: whether the stream itself says how many, and FFmpeg drops them, as by the header of LAME in an mp3.
        first_packet: of the stream.

    Examples:
        >>> priming_samples({"wav"}, "mp3float", told=False, first_packet=bytes([0xFF, 0xFB]))
        1105
        >>> priming_samples({"mov", "mp4"}, "aac", told=False, first_packet=b"")
        0
    """
    if codec == "mp3float" and first_packet[1:2] and first_packet[1] & 0b110 == _LAYER_II:
        codec = "mp2"  # FFmpeg has one decoder for both in an MPEG transport stream
    if codec == "opus":  # its header tells, where there is one
        return _MPEGTS_OPUS if "mpegts" in names else 0
    if told or not _TELLING.isdisjoint(names):
        return _AMR_DECODER if codec == "amrnb" else 0
    return PRIMING.get(codec, 0)
