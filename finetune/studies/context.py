"""What the studies of a report are made from: the inputs of a run, its trained networks, and their scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emoclr.evaluate.scores import Prediction, Scores, Truth
from emoclr.finetune.data.labeled_clips import LabeledClips, Task
from emoclr.finetune.data.other_corpus import OtherCorpus
from emoclr.finetune.ensemble.baselines import SimpleFeatures
from emoclr.finetune.ensemble.ensemble import EnsembleOutput
from emoclr.finetune.pseudo_labels.second_round import SecondRound
from emoclr.finetune.pseudo_labels.unlabeled_pool import Pool
from emoclr.finetune.settings import FinetuneSettings
from emoclr.finetune.training.initial_weights import InitialWeights
from emoclr.finetune.training.members import Members, SeedsOfBest, first_seeds


@dataclass(frozen=True)
class Inputs:
    """What a run reads.

    Attributes:
        initial_weights: of each backbone.
        labeled: the labeled clips.
        other: another corpus to score, None where none was given.
        pool: unlabeled recordings, None where none were given.
        notes: what finished models learned from, where it is not known, and what was said of it.
    """

    initial_weights: Sequence[InitialWeights]
    labeled: LabeledClips
    other: OtherCorpus | None
    pool: Pool | None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Networks:
    """What a run trains.

    Attributes:
        first_round: the members that are trained on labeled clips alone.
        second_round: members that are trained with pseudo-labels, too; None without unlabeled recordings.
        seeds_of_best: of each fold, seeds of its best backbone; None where they are not compared.
        from_scratch: the same recipe without pretraining; none where it is not compared.
    """

    first_round: Members
    second_round: SecondRound | None
    seeds_of_best: Sequence[SeedsOfBest] | None
    from_scratch: Members

    @property
    def members(self) -> Members:
        """The members of the ensemble: of each fold those of the better round."""
        return self.first_round if self.second_round is None else self.second_round.best(self.first_round)

    @property
    def different_backbones(self) -> Members:
        """The first seed of each backbone, trained on labeled clips alone."""
        return first_seeds(self.first_round)


@dataclass(frozen=True)
class Context:
    """A finished fine-tuning, before its report.

    Attributes:
        out: folder of the run.
        settings: of the run.
        inputs: what it read.
        networks: what it trained.
        truth: the test clips of all folds.
        ensemble: the output of the ensemble in each fold.
        models: predictions of the ensembles and the members, the headline one first.
        features: simple features of the labeled clips.
        scores: of models and baselines.
    """

    out: Path
    settings: FinetuneSettings
    inputs: Inputs
    networks: Networks
    truth: Truth
    ensemble: Sequence[EnsembleOutput]
    models: Sequence[Prediction]
    features: SimpleFeatures
    scores: Scores

    @property
    def labeled(self) -> LabeledClips:
        """The labeled clips."""
        return self.inputs.labeled

    @property
    def tasks(self) -> Sequence[Task]:
        """The task of each fold."""
        return self.inputs.labeled.tasks

    @property
    def other(self) -> OtherCorpus | None:
        """Another corpus to score."""
        return self.inputs.other

    @property
    def members(self) -> Members:
        """The members of the ensemble."""
        return self.networks.members
