"""Batches on their way to a GPU while it is busy with the one before."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

Batch = TypeVar("Batch", bound=tuple[Tensor, ...])


def on_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Yields batches on a device; a GPU copies each one, in a stream of its own, while it computes with the last one.

    A batch of 512 views of 5 s is 164 MB.

    Args:
        batches: named tuples of tensors, pinned where copying is to overlap with computing.
        device: where they go; those for a CPU stay as they are.
    """
    if device.type != "cuda":
        yield from batches
        return
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    waiting: tuple[Batch, torch.cuda.Event] | None = None
    for batch in batches:
        with torch.cuda.stream(copying):
            moved = type(batch)(*(part.to(device, non_blocking=True) for part in batch))
            copied = copying.record_event()
        if waiting:
            yield _arrived(*waiting)
        waiting = moved, copied
    if waiting:
        yield _arrived(*waiting)


def _arrived(batch: Batch, copied: torch.cuda.Event) -> Batch:
    computing = torch.cuda.current_stream(batch[0].device)
    computing.wait_event(copied)
    for part in batch:
        # Its memory was taken by the copying stream, and must not be given away while the computing one uses it.
        part.record_stream(computing)
    return batch
