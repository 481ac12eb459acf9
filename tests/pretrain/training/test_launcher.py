import pytest

from emoclr.configs.errors import ConfigError
from emoclr.pretrain.training.launcher import Launched, devices_and_nodes, launched

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
SRUN = {"SLURM_NTASKS": "8", "SLURM_NTASKS_PER_NODE": "4", "SLURM_JOB_NAME": "pretrain"}


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        (TORCHRUN, Launched("torchrun", 8, 4)),
        (SRUN, Launched("srun", 8, 4)),
        ({**SRUN, **TORCHRUN, "WORLD_SIZE": "4"}, Launched("torchrun", 4, 4)),
        ({**SRUN, "SLURM_JOB_NAME": "bash"}, None),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "1"}, Launched("WORLD_SIZE", 2, None)),
        ({"SLURM_NTASKS": "3"}, Launched("srun", 3, None)),
    ],
)
def test_what_launchers_tell_is_read(environment, found):
    assert launched(environment) == found


@pytest.mark.parametrize("environment", [TORCHRUN, SRUN], ids=["torchrun", "srun"])
def test_auto_is_what_the_launcher_has_started(environment):
    assert devices_and_nodes("auto", 1, launched(environment)) == (4, 2)
    assert devices_and_nodes("auto", 2, launched(environment)) == (4, 2)
    assert devices_and_nodes(4, 2, launched(environment)) == (4, 2)


@pytest.mark.parametrize("devices", ["auto", 1, 4])
@pytest.mark.parametrize("environment", [{}, {"WORLD_SIZE": "1", "RANK": "0"}, {"WORLD_SIZE": "4"}])
def test_without_a_launcher_all_is_left_to_the_settings(devices, environment):
    assert devices_and_nodes(devices, 1, launched(environment)) == (devices, 1)


@pytest.mark.parametrize(
    "environment", [{**TORCHRUN, "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, {"SLURM_NTASKS": "1"}]
)
def test_one_process_of_a_launcher_has_one_device(environment):
    assert devices_and_nodes("auto", 1, launched(environment)) == (1, 1)
    with pytest.raises(ConfigError, match="has started 1 process; devices=1 num_nodes=1 is right"):
        devices_and_nodes(4, 1, launched(environment))


@pytest.mark.parametrize(
    ("devices", "num_nodes", "environment", "told"),
    [
        (1, 1, TORCHRUN, "devices=1 num_nodes=1: torchrun has started 8 processes; devices=4 num_nodes=2 is right"),
        (4, 1, SRUN, "srun has started 8 processes; devices=4 num_nodes=2 is right"),
        ("auto", 3, SRUN, "devices=auto num_nodes=3: srun has started 8 processes; devices=4 num_nodes=2 is right"),
        (
            "auto",
            1,
            {"WORLD_SIZE": "2", "RANK": "1"},
            "WORLD_SIZE has started 2 processes; devices times num_nodes must be 2",
        ),
        ("auto", 1, {"SLURM_NTASKS": "2"}, "give sbatch --ntasks-per-node"),
    ],
)
def test_processes_that_would_train_by_themselves_are_refused(devices, num_nodes, environment, told):
    with pytest.raises(ConfigError, match=told):
        devices_and_nodes(devices, num_nodes, launched(environment))
