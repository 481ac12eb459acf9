"""The epoch of each network that was best on validation; epoch 0 is the head alone."""

from collections.abc import Mapping, Sequence

from emoclr.evaluate.report.formatting import json_number, number
from emoclr.evaluate.report.section import Section, Table
from emoclr.finetune.ensemble.report_rows import from_scratch
from emoclr.finetune.studies.context import Context
from emoclr.finetune.training.member import Member
from emoclr.finetune.training.members import Members


def best_epoch(member: Member) -> int:
    """Returns the epoch of a member's weights, 0 for the head alone."""
    return int(member.card.metrics["best_epoch"])


def heads_alone(members: Members) -> list[str]:
    """Returns the names of the networks whose best epoch is 0, with the number of such folds where it is not all."""
    named = []
    for name, folds in members.items():
        count = sum(not best_epoch(member) for member in folds)
        if count:
            named.append(f"{name} in {count} of {len(folds)} folds" if count < len(folds) else name)
    return named


def same_networks(what: str, members: Sequence[Member]) -> str:
    """Returns how many of some members are one and the same network, empty where all differ.

    A seed changes what training draws; where training was undone, nothing of it is left.
    """
    weights = [member.card.weights_sha256 for member in members]
    same = max(map(weights.count, weights))
    if same == 1:
        return ""
    return f"{same} of the {len(members)} {what} are the same network, the head alone, and differ in nothing"


def best_epochs(context: Context) -> Section | None:
    """Returns the best epoch of each network; None where only heads were trained."""
    if context.settings.freeze != "none":
        return None
    scratch = {from_scratch(name): folds for name, folds in context.networks.from_scratch.items()}
    return training_section({**context.members, **scratch})


def training_section(networks: Mapping[str, Sequence[Member]]) -> Section:
    """Returns the best epoch of each network, fold by fold, for a report.

    Args:
        networks: whose backbone was trained, those that are only compared with included.
    """
    folds = len(next(iter(networks.values())))
    head = ["network", *([f"epoch, fold {fold + 1}" for fold in range(folds)] if folds > 1 else ["epoch kept"])]
    rows = [
        [name, *(f"{best_epoch(member)} ({number(_score(member))})" for member in of_folds)]
        for name, of_folds in networks.items()
    ]
    return Section(
        name="training",
        title="Best epochs",
        text="The epoch whose weights each network kept, the one with the highest macro AUROC on validation speakers, "
        "and that AUROC. Epoch 0 is the head alone on the encoder as it was: no epoch of the whole network was better.",
        tables=[Table(head, rows)],
        data={
            "networks": {
                name: [
                    {"best_epoch": best_epoch(member), "validation_macro_auroc": json_number(_score(member))}
                    for member in of_folds
                ]
                for name, of_folds in networks.items()
            }
        },
    )


def _score(member: Member) -> float:
    return float(member.card.metrics["validation_macro_auroc"])
