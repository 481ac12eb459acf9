"""The weights of an ONNX file, without ONNX."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# The fields of a protocol buffer have numbers (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
_GRAPH_OF_MODEL, _INITIALIZER_OF_GRAPH, _NAME_OF_TENSOR, _RAW_DATA_OF_TENSOR = 7, 5, 8, 9
_VARINT, _EIGHT_BYTES, _WITH_LENGTH = 0, 1, 2


def read_onnx_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Returns the weights of a file by name, each flat; all have to be of single precision."""
    found = {}
    for number, graph in _fields(memoryview(path.read_bytes())):
        for part, tensor in _fields(graph) if number == _GRAPH_OF_MODEL else ():
            if part == _INITIALIZER_OF_GRAPH:
                facts = dict(_fields(tensor))
                found[str(facts[_NAME_OF_TENSOR], "utf-8")] = np.frombuffer(facts[_RAW_DATA_OF_TENSOR], dtype="<f4")
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yields number and content of the fields of a message that have a length: texts, bytes and messages."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, place = _varint(message, place)
        elif kind == _WITH_LENGTH:
            length, place = _varint(message, place)
            yield number, message[place : place + length]
            place += length
        else:
            place += 8 if kind == _EIGHT_BYTES else 4


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Returns a number, of which each byte holds seven bits, the lowest first, and the place behind it."""
    value = shift = 0
    while message[place] & 0x80:
        value |= (message[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
    return value | message[place] << shift, place + 1
