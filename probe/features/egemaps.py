"""The hand-made description that speech emotion is usually compared with: openSMILE's eGeMAPS, an optional extra."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np

from emoclr.configs.console import track
from emoclr.configs.extras import install_line
from emoclr.configs.files import write_atomically
from emoclr.corpus.audio.decoder import SAMPLE_RATE
from emoclr.corpus.audio.padding import fix_length
from emoclr.corpus.decoded.cache import DERIVED_SUFFIX, default_cache_dir
from emoclr.corpus.decoded.waveforms import Waveforms, WaveformStore
from emoclr.corpus.parallel.processes import usable_cores
from emoclr.pretrain.encoder.embedding import Embeddings

EGEMAPS = "eGeMAPS"
N_FUNCTIONALS = 88
NOTE = "openSMILE eGeMAPSv02, 88 functionals"
MISSING = (
    f"The baseline eGeMAPS needs the extra baselines: {install_line('baselines', ['opensmile'])}. It is openSMILE's, "
    "which the audEERING Research License Agreement gives free of charge for private use, research and education only."
)
"""Said in a report where openSMILE is not installed."""

MIN_SAMPLES = SAMPLE_RATE * 60 // 1000
"""openSMILE's pitch looks at 60 ms; of less it says nothing."""
MAX_SAMPLE = 32_767 / 32_768
"""openSMILE turns samples into 16 bits without a stop: 1.0 would become -1.0."""


def egemaps_installed() -> bool:
    """Returns whether openSMILE can be imported."""
    return importlib.util.find_spec("opensmile") is not None


def egemaps(store: Waveforms, cache_dir: Path | None = None) -> Embeddings:
    """Returns the functionals of eGeMAPSv02 (Eyben et al. 2016) of whole clips, float32 (clips, 88).

    They are computed once for a corpus as it is and kept beside its decoded audio.

    Args:
        store: the clips; those that are changed on the way (`--stress`) are computed each time.
        cache_dir: where they are kept; None for the cache of decoded audio.

    Raises:
        EmoclrError: the cache cannot be written.
    """
    if not isinstance(store, WaveformStore):
        return _computed(store)
    kept = Path(cache_dir or default_cache_dir()) / f"{store.fingerprint}.egemaps{DERIVED_SUFFIX}"
    try:
        found: Embeddings = np.load(kept, allow_pickle=False)
        if found.shape == (len(store), N_FUNCTIONALS):
            return found
    except (OSError, ValueError, EOFError):  # there is none, or half of one
        pass
    computed = _computed(store)
    write_atomically(kept, partial(_save, computed))
    return computed


def _computed(store: Waveforms) -> Embeddings:
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)

    reading = Lock()

    def describe(clip: int) -> Embeddings:
        with reading:  # a store that decodes keeps one clip at a time
            waveform = np.clip(store.waveform(clip), -1.0, MAX_SAMPLE)
        filled = fix_length(waveform, max(len(waveform), MIN_SAMPLES), "zero")
        values: Embeddings = smile.process_signal(filled, SAMPLE_RATE).to_numpy(np.float32)[0]
        return values

    described = np.empty((len(store), N_FUNCTIONALS), dtype=np.float32)
    # Its work is done outside the interpreter's lock, so threads are enough.
    with ThreadPoolExecutor(usable_cores()) as pool:
        for clip, values in enumerate(track(pool.map(describe, range(len(store))), EGEMAPS, total=len(store))):
            described[clip] = values
    return described


def _save(values: Embeddings, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)
