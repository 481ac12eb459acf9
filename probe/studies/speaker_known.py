"""Linear probes with the speaker known: the same protocol on embeddings standardised within each speaker."""

from collections.abc import Mapping, Sequence

from emoclr.configs.console import track
from emoclr.corpus.labels.division import Division
from emoclr.corpus.labels.label_table import LabelTable
from emoclr.evaluate.report.section import Section
from emoclr.evaluate.scores import Prediction
from emoclr.evaluate.studies.speaker_known import PRIOR_CLIPS, speaker_known_section, standardise_within_speakers
from emoclr.pretrain.encoder.embedding import Embeddings
from emoclr.probe.features.features import Features, of_fold, twins_of
from emoclr.probe.fitting import Fits, fit_probe, models_to_compare, predictions_of
from emoclr.probe.studies.context import Context

HOW = (
    "The same probes in the same folds, of features standardised by the mean and deviation of each speaker's own "
    "clips, in training as in scoring. Both are drawn towards those of the training clips, which count as "
    f"{PRIOR_CLIPS:g} clips more."
)


def speaker_known(context: Context) -> Section | None:
    """Returns what standardising within speakers is worth, where these are known and some have several scored clips."""
    speakers = context.table.speakers
    if speakers is None or len(set(speakers)) < 2 or len(set(context.truth.speakers)) == len(context.truth):
        return None
    twins = twins_of(context.features)
    features = [described for described in context.features if described not in twins]
    share = context.settings.positive_share
    found = predictions_with_speaker(features, context.matrices, context.table, speakers, context.division, share)
    plain = {prediction.name: prediction for prediction in [*context.models, *context.baselines]}
    return speaker_known_section(context.truth, [(plain[prediction.name], prediction) for prediction in found], HOW)


def predictions_with_speaker(
    features: Sequence[Features],
    matrices: Mapping[str, Embeddings],
    table: LabelTable,
    speakers: Sequence[str],
    division: Division,
    positive_share: float,
) -> list[Prediction]:
    """Returns predictions of probes of features that are standardised within speakers; the headline model's first.

    Args:
        features: what is fitted to.
        matrices: for each features' name float32 (clips, features), rows as in the table.
        table: labels of the clips.
        speakers: (clips,) who speaks.
        division: which clips each fold fits to and scores.
        positive_share: the share from which an emotion is there.
    """
    fits: Fits = {described.name: [] for described in features}
    scored: list[dict[str, Embeddings]] = [{} for _ in division.folds]
    work = [(fold, described.name) for fold in range(len(division.folds)) for described in features]
    for fold, name in track(work, "fitting: speaker known"):
        train, test = division.folds[fold]
        known = standardise_within_speakers(of_fold(matrices[name], fold), speakers, train).astype("float32")
        fits[name].append(fit_probe(known, table, division, fold, positive_share))
        scored[fold][name] = known[test]
    models, baselines = predictions_of(features, fits, scored, table, division)
    return [*models, *models_to_compare(models, baselines)[1:]]
