"""Which recordings an encoder has heard in pretraining, told from the card of its run."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoclr.configs.errors import EmoclrError
from emoclr.corpus.audio.file_kinds import is_table
from emoclr.corpus.clips.sources import clips_from
from emoclr.corpus.tars.tar import is_tar
from emoclr.pretrain.encoder.checkpoint import load_card
from emoclr.pretrain.encoder.folders import RUN
from emoclr.pretrain.resume.run_card import RunCard
from emoclr.pretrain.settings import PretrainSettings


def heard_recordings(folder: Path, paths: Sequence[Path]) -> NDArray[np.bool_] | None:
    """Returns which recordings an encoder was pretrained on, or the one that it started from, by their paths.

    None where that is not known: the folder has no `run.yaml` beside it, or the data that this names is not there, or
    in tars. A copy in another place goes unnoticed.

    Args:
        folder: of the backbone, in the folder of its run.
        paths: absolute, of the recordings that are asked about.
    """
    asked = [os.path.normpath(os.fsencode(path)) for path in paths]
    names = {name: row for row, name in enumerate(dict.fromkeys(asked))}
    heard = np.zeros(len(names), dtype=np.bool_)
    run: Path | None = folder.absolute().parent
    runs = set()
    while run is not None and run not in runs:
        runs.add(run)
        try:
            settings = load_card(run / RUN, RunCard).settings
            heard |= _heard_in(settings, names)
        except EmoclrError:
            return None
        run = settings.start_from
        if run is not None and not (run / RUN).is_file():
            run = run.parent
    return heard[[names[name] for name in asked]]


def _heard_in(settings: PretrainSettings, names: dict[bytes, int]) -> NDArray[np.bool_]:
    """Returns which of the recordings, given as names and their positions, a run was trained on.

    Raises:
        EmoclrError: its data are not there, or do not tell.
    """
    heard = np.zeros(len(names), dtype=np.bool_)
    tables = []
    for place in settings.data:
        if is_tar(place) or not Path(place).exists():
            raise EmoclrError(f"{place}: does not tell which recordings it holds")
        if is_table(Path(place)) and Path(place).is_file():
            tables.append(Path(place))
        else:  # what lies in it now
            inside = os.path.normpath(os.fsencode(place))
            heard |= [name == inside or name.startswith(inside.rstrip(b"/") + b"/") for name in names]
    if tables:
        clips = clips_from(
            tables, settings.splits, settings.columns.given, lenient=True, without_fold=settings.without_fold
        )
        for row in range(len(clips)):
            if (position := names.get(os.path.normpath(clips.paths.name(row)))) is not None:
                heard[position] = True
    return heard
