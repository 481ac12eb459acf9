"""From a run to the folder that is released."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from emoclr.checkpoints.agreement import TOLERANCE, check_agreement, outputs_of
from emoclr.checkpoints.cards.model_card import model_card
from emoclr.checkpoints.cards.places import command_without_places, without_places
from emoclr.checkpoints.cards.release_card import Network, ReleaseCard, released_report
from emoclr.checkpoints.cards.settings import ReleaseSettings
from emoclr.checkpoints.half_precision import halved
from emoclr.configs.errors import ConfigError, EmoclrError
from emoclr.configs.files import write_text, write_yaml
from emoclr.configs.messages import why_refused
from emoclr.configs.settings import Settings
from emoclr.evaluate.report.stored_report import REPORT_JSON
from emoclr.finetune.model.checkpoint import WEIGHTS as MODEL_WEIGHTS
from emoclr.finetune.model.checkpoint import load_ensemble, load_model
from emoclr.finetune.model.folders import CARD as MODEL_CARD
from emoclr.finetune.model.folders import ENSEMBLE_CARD, TRAINED, VALIDATED
from emoclr.finetune.training.resume import RunCard as FinetuneRunCard
from emoclr.pretrain.encoder.checkpoint import WEIGHTS, load_card, load_encoder
from emoclr.pretrain.encoder.folders import (
    CARD,
    FINGERPRINTS,
    RELEASE,
    RUN,
    CheckpointError,
    backbone_folders,
    find_run,
)
from emoclr.pretrain.encoder.tensors import save_tensors
from emoclr.pretrain.resume.heard_clips import copy_fingerprints, find_fingerprints, write_fingerprints
from emoclr.pretrain.resume.run_card import RunCard

README = "README.md"


@dataclass
class _Made:
    """What a release holds so far, and how it came about."""

    networks: dict[str, Network] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    emotions: list[str] = field(default_factory=list)
    difference: float | None = None


def release(runs: Sequence[Path], out: Path, settings: ReleaseSettings, reports: Sequence[Path] = ()) -> ReleaseCard:
    """Writes the encoders of runs, or the ensemble of one, into a folder to be released, and returns its card.

    Weights are halved, and compared with those of the run on a made-up signal. Fingerprints of the clips that encoders
    heard go along; where a run keeps none they are made of its recordings, if these are still there. Optimizer
    states, projection heads, predictions and folders of the machine stay behind.

    Args:
        runs: finished run or backbone folders of `pretrain`, or one run folder of `finetune`.
        out: the folder; its name is that of the release.
        settings: what is said of it.
        reports: folders of `probe` and `finetune` whose numbers the card has; that of a run of `finetune` is added.

    Raises:
        ConfigError: no such folder, two backbones of one name, or `out` is there.
        CheckpointError: a run is not finished, or holds nothing to release.
        AgreementError: the copy says something else than the run.
        EmoclrError: a report cannot be read, or the folder cannot be written.

    Examples:
        >>> said = {"licence": "mit", "description": "", "limits": "", "not_for": ["people"]}
        >>> corpora = [{"name": "made up", "licence": "CC0-1.0", "url": "https://example.org", "part": "all"}]
        >>> release([Path("nowhere")], Path("small"), ReleaseSettings(corpora=corpora, **said))
        Traceback (most recent call last):
            ...
        emoclr.configs.errors.ConfigError: nowhere: ...
    """
    folders = [find_run(run) for run in runs]
    if out.exists():
        raise ConfigError(f"{out}: is there already; remove it, or give another --out")
    ensembles = [folder for folder in folders if (folder / ENSEMBLE_CARD).is_file()]
    if ensembles and len(folders) > 1:
        raise ConfigError(f"{ensembles[0]}: is an ensemble, which is released alone; give one RUN")
    own = [folder / "report" for folder in ensembles if (folder / "report" / REPORT_JSON).is_file()]
    measured = [released_report(place) for place in [*own, *reports]]
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        made = _ensemble(ensembles[0], unfinished, settings) if ensembles else _encoders(folders, unfinished)
        made.commands += [report["made"]["command"] for report in measured[: len(own)]]
        card = ReleaseCard(
            name=out.name,
            kind="ensemble" if ensembles else "encoders",
            said=settings,
            tolerance=TOLERANCE,
            reports=measured,
            **vars(made),
        )
        write_yaml(unfinished / RELEASE, card.model_dump(mode="json"))
        write_text(unfinished / README, model_card(card))
        unfinished.replace(out)
    except OSError as error:
        raise EmoclrError(f"{out}: cannot be written: {why_refused(error)}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return card


def _encoders(runs: Sequence[Path], out: Path) -> _Made:
    """Writes the encoders of runs, each with the card of its run."""
    made = _Made()
    for folder in (folder for run in runs for folder in backbone_folders(run)):
        name = folder.resolve().name
        if name in made.networks:
            raise ConfigError(f"{folder}: is the second {name}; give one of them")
        encoder, card = load_encoder(folder)
        if not card.finished:
            raise CheckpointError(f"{folder}: its pretraining is at step {card.step:,} of {card.steps:,}; finish it")
        digest = _write_halved(encoder, out / name / WEIGHTS)
        _write(card.model_copy(update={"weights_sha256": digest}), out / name / CARD)
        copy, _ = load_encoder(out / name)
        pair = [outputs_of(network, card.crop_s) for network in (encoder, copy)]
        difference = check_agreement(str(folder), *pair, relative=True)
        made.networks[name] = _network(card, encoder, out / name / WEIGHTS, difference)
        run = load_card(_run_card(folder), RunCard)
        if (heard := find_fingerprints(folder, run)) is not None:
            write_fingerprints(out / name, heard)
        _write_run(run, out / name / RUN, made)
        data = ",".join(str(without_places(str(place))) for place in run.settings.data)
        made.commands.append(command_without_places(f"pretrain --config {name}/{RUN} data={data} out=my-run"))
    return made


def _ensemble(run: Path, out: Path, settings: ReleaseSettings) -> _Made:
    """Writes an ensemble with its members, and the card of its run."""
    ensemble, card = load_ensemble(run)
    made = _Made(emotions=card.emotions)
    for name in card.members:
        model, of_model = load_model(run / name)
        digest = _write_halved(model, out / name / MODEL_WEIGHTS)
        _write(of_model.model_copy(update={"weights_sha256": digest, "answers_sha256": ""}), out / name / MODEL_CARD)
        copy_fingerprints(run / name, out / name, FINGERPRINTS, TRAINED, VALIDATED)
        copy, _ = load_model(out / name)
        pair = [outputs_of(network.encoder, card.window_s) for network in (model, copy)]
        difference = check_agreement(str(run / name), *pair, relative=True)
        made.networks[name] = _network(of_model, model, out / name / MODEL_WEIGHTS, difference)
    _write(card.model_copy(update={"limits": settings.limits}), out / ENSEMBLE_CARD)
    answers = [each.probabilities(outputs_of(each, card.window_s)) for each in (ensemble, load_ensemble(out)[0])]
    made.difference = check_agreement(str(run), *answers, relative=False)
    _write_run(load_card(_run_card(run), FinetuneRunCard), out / RUN, made)
    return made


def _write_halved(network: nn.Module, path: Path) -> str:
    path.parent.mkdir(parents=True)
    return save_tensors(path, halved(network.state_dict()))


def _network(card: Any, network: nn.Module, weights: Path, difference: float) -> Network:
    return Network(
        backbone=card.encoder.backbone,
        weights=sum(parameter.numel() for parameter in network.parameters()),
        bytes=weights.stat().st_size,
        difference=float(f"{difference:.2g}"),
    )


def _write(card: Settings, path: Path) -> None:
    write_yaml(path, without_places(card.model_dump(mode="json")))


def _write_run(run: RunCard | FinetuneRunCard, path: Path, made: _Made) -> None:
    """Writes the card of a run without what is of the machine alone, and takes down how it was made."""
    settings = run.settings.model_copy(update={"cache": None, "cache_gb": None, "workers": None})
    _write(run.model_copy(update={"settings": settings}), path)
    if run.commit and run.commit not in made.commits:
        made.commits.append(run.commit)
    made.versions |= run.versions


def _run_card(folder: Path) -> Path:
    """Returns the card of the run that a folder is, or lies in.

    Raises:
        CheckpointError: there is none.
    """
    for place in (folder / RUN, folder.resolve().parent / RUN):
        if place.is_file():
            return place
    raise CheckpointError(f"{folder}: neither it nor the folder above it holds {RUN}, which says how it was made")
