"""How many processes train together: what a launcher has started, and what the settings say of it."""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple

from emoclr.configs.errors import ConfigError

INTERACTIVE = ("bash", "interactive")
"""Names of SLURM jobs in which somebody types: Lightning takes such a process for one by itself."""


class Launched(NamedTuple):
    """The processes of a launcher.

    Attributes:
        launcher: torchrun, srun, or the environment where it is not known.
        processes: on all machines.
        per_machine: on each; None where the launcher does not tell.
    """

    launcher: str
    processes: int
    per_machine: int | None

    @property
    def machines(self) -> int | None:
        """How many machines there are; None where it is not known, or some have more processes than others."""
        if not self.per_machine or self.processes % self.per_machine:
            return None
        return self.processes // self.per_machine


def launched(environment: Mapping[str, str] = os.environ) -> Launched | None:
    """Returns what a launcher says of its processes in their environment, None where there is none.

    torchrun tells of `WORLD_SIZE` and `LOCAL_WORLD_SIZE`, srun of `SLURM_NTASKS` and `SLURM_NTASKS_PER_NODE`; Lightning
    reads the same.
    """
    if "WORLD_SIZE" in environment and environment.keys() & {"TORCHELASTIC_RUN_ID", "LOCAL_RANK", "RANK"}:
        processes = int(environment["WORLD_SIZE"])
        if "TORCHELASTIC_RUN_ID" in environment:
            return Launched("torchrun", processes, _number(environment, "LOCAL_WORLD_SIZE"))
        # One by itself may start others, as Lightning does.
        return Launched("WORLD_SIZE", processes, None) if processes > 1 else None
    if "SLURM_NTASKS" in environment and environment.get("SLURM_JOB_NAME") not in INTERACTIVE:
        processes = int(environment["SLURM_NTASKS"])
        alone = 1 if processes == 1 else None
        return Launched("srun", processes, _number(environment, "SLURM_NTASKS_PER_NODE") or alone)
    return None


def devices_and_nodes(
    devices: int | Literal["auto"], num_nodes: int, found: Launched | None
) -> tuple[int | Literal["auto"], int]:
    """Returns devices on each machine and machines: what `auto` leaves open is what the launcher has started.

    Raises:
        ConfigError: they are not as many as there are processes, each of which would then train by itself and write
            into the same folder.
    """
    if found is None:
        return devices, num_nodes
    if found.launcher == "srun" and found.processes > 1 and found.per_machine is None:
        raise ConfigError(
            f"srun has started {found.processes} processes without saying how many on each machine: give sbatch "
            "--ntasks-per-node, as many as each machine has devices, instead of --ntasks"
        )
    if devices == "auto" and num_nodes == 1 and found.machines:
        return found.per_machine or 1, found.machines
    each = found.per_machine if devices == "auto" else devices
    if each is None or each * num_nodes != found.processes:
        raise ConfigError(
            f"devices={devices} num_nodes={num_nodes}: {found.launcher} has started {found.processes} "
            f"process{'es' if found.processes > 1 else ''}; {_right(found)}"
        )
    return each, num_nodes


def _right(found: Launched) -> str:
    if found.machines:
        return f"devices={found.per_machine} num_nodes={found.machines} is right"
    return f"devices times num_nodes must be {found.processes}"


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdigit() else None
