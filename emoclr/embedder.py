"""Embeddings of recordings as a transformer of scikit-learn: paths or arrays in, features out."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array

from emoclr.configs.console import say
from emoclr.configs.errors import ConfigError
from emoclr.corpus.audio.file_kinds import check_recordings
from emoclr.predict.embeddings import EmbeddingNetwork, embedding_network
from emoclr.pretrain.encoder.devices import Device
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.pretrain.encoder.recordings import Gate, embed_windows


class Embedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The embedding of each recording, for pipelines of scikit-learn; see `emoclr.embed`.

    Nothing is learned: `transform` needs no `fit`. A clone or a pickle holds the parameters and reads the encoder anew.

    Args:
        encoder: a folder of `pretrain` or `finetune`, one backbone's folder, the name of a released model, or
            `hf:OWNER/NAME`. The embeddings of several encoders stand side by side.
        sample_rate: of arrays, Hz; files name their own.
        gate: "voice" takes the mean over the windows in which somebody speaks, where somebody does; "none" over all.
        on_error: what becomes of a file that cannot be read: "raise" an error that names it, or a row of "nan", for an
            imputer or a model that takes them, and a line that names it. A file that does not exist is an error always.
        device: "cpu" or "cuda"; None for a GPU where there is one.

    Examples:
        >>> import numpy as np
        >>> embedder = Embedder("emoclr-small/resnet10t", sample_rate=16_000)
        >>> embedder.transform([np.zeros(16_000), np.zeros(24_000)]).shape
        (2, 1792)
        >>> embedder.get_feature_names_out()[:2].tolist()
        ['resnet10t_0', 'resnet10t_1']
    """

    def __init__(
        self,
        encoder: str | Path = "emoclr-small",
        *,
        sample_rate: int | None = None,
        gate: Gate = "voice",
        on_error: Literal["raise", "nan"] = "raise",
        device: Device | None = None,
    ) -> None:
        self.encoder = encoder
        self.sample_rate = sample_rate
        self.gate = gate
        self.on_error = on_error
        self.device = device

    def fit(self, X: Any, y: Any = None) -> "Embedder":  # noqa: N803
        """Reads the encoder and checks that `X` holds recordings; learns nothing.

        Args:
            X: see `transform`.
            y: not used.

        Raises:
            ConfigError: a parameter or `X` is not as it should be.
            CheckpointError: the folder holds no encoder.
        """
        self._check()
        _recordings(X)
        self._network()
        return self

    def transform(self, X: Any) -> Embeddings:  # noqa: N803
        """Returns float32 (recordings, features), a row a recording.

        Args:
            X: paths of files: a list, an array, a Series or a DataFrame of one column. Or arrays of samples: a list of
                arrays `(samples,)`, or one array `(recordings, samples)`; floats in [-1, 1] or signed integers.

        Raises:
            ConfigError: something in `X` is no recording, or arrays come without `sample_rate`.
            EmoclrError: a file cannot be read; the message names it.
        """
        self._check()
        recordings = _recordings(X)
        network = self._network()
        found = embed_windows(
            network.network,
            network.windows,
            recordings,
            self.sample_rate,
            timeline=False,
            gate=self.gate,
            device=self.device,
        )
        if self.on_error == "raise" or not found.failures:
            return found.array()
        for failure in found.failures:
            say(failure)
        rows = np.full((len(recordings), sum(network.widths.values())), np.nan, dtype=np.float32)
        readable = set(found.files)
        rows[[str(recording) in readable for recording in recordings]] = np.reshape(found.rows, (-1, rows.shape[1]))
        return rows

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Returns the name of each feature: its encoder's and its number.

        Args:
            input_features: not used; a recording has no names.
        """
        widths = self._network().widths
        return np.array([f"{name}_{n}" for name, width in widths.items() for n in range(width)], dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_loaded"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _network(self) -> EmbeddingNetwork:
        if getattr(self, "_loaded", (None, None))[0] != self.encoder:
            self._loaded = self.encoder, embedding_network(self.encoder)
        return self._loaded[1]

    def _check(self) -> None:
        for name, values in (("gate", ("voice", "none")), ("on_error", ("raise", "nan"))):
            if getattr(self, name) not in values:
                raise ConfigError(f"{name}={getattr(self, name)!r}: is neither {values[0]!r} nor {values[1]!r}")


def _recordings(X: Any) -> list[Path] | list[NDArray[Any]]:  # noqa: N803
    """Returns the files or arrays, as many as `X` has rows.

    Raises:
        ConfigError: a file does not exist, or is a folder.
        ValueError: numbers that are no recordings, as scikit-learn says it.
    """
    if isinstance(X, str | Path):
        raise ConfigError(f"X={str(X)!r}: is one path; give a list of them")
    values: Any = X.to_numpy() if hasattr(X, "to_numpy") else X
    if isinstance(values, np.ndarray) and values.dtype.kind in "OUT" and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]  # the column of a DataFrame
    listed = isinstance(values, list | tuple) or (isinstance(values, np.ndarray) and values.ndim > 0)
    rows = list(values) if listed else []
    if any(isinstance(row, str | Path) for row in rows):
        return [_path(row, number) for number, row in enumerate(rows)]
    if rows and all(np.ndim(row) == 1 for row in rows) and len({len(row) for row in rows}) > 1:
        return [np.asarray(row) for row in rows]
    return list(check_array(values))


def _path(row: Any, number: int) -> Path:
    if not isinstance(row, str | Path):
        raise ConfigError(f"recording {number}: {row!r} is no path")
    path = Path(row)
    check_recordings(path)
    if path.is_dir():
        raise ConfigError(f"recording {number}: {path} is a folder; give its files, one a row")
    return path
