"""A job asks for what its stage says, then `default`, then the code; what no stage can use is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from synthscale.stage.stage import STAGES
from synthscale_slurm.resources import DEFAULT, Resources, SlurmConfig

PRESETS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "hydra" / "launcher").glob("*.yaml"))


@pytest.fixture
def launcher(compose):
    """The launcher's keys as the command line composes them."""

    def make(*overrides: str) -> SlurmConfig:
        config = OmegaConf.to_object(compose(*overrides, return_hydra_config=True).hydra.launcher)
        assert isinstance(config, SlurmConfig)
        return config

    return make


def test_of_nothing_the_code_has_its_own_values():
    assert SlurmConfig(points_per_job=8).of("sample") == Resources(
        nodes=1, tasks_per_node=1, cpus=1, gpus=0, memory_gb=4.0, minutes=60, points_per_job=8, setup=[], extra={}
    )


def test_a_stage_goes_before_default_and_default_before_the_code():
    config = SlurmConfig(
        resources={
            DEFAULT: Resources(cpus=16, gpus=1, partition="gpu", points_per_job=2),
            "synthesize": Resources(gpus=0, points_per_job=64),
        }
    )
    ours, others = config.of("synthesize"), config.of("evaluate")
    assert (ours.cpus, ours.gpus, ours.partition, ours.points_per_job, ours.minutes) == (16, 0, "gpu", 64, 60)
    assert (others.cpus, others.gpus, others.partition, others.points_per_job) == (16, 1, "gpu", 2)
    assert config.resources[DEFAULT].minutes is None, "the config itself stays as it was"


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_accepted(launcher, preset):
    config = launcher(f"hydra/launcher={preset}")
    config.check()
    assert set(config.resources) == {DEFAULT, *STAGES}, "each can be set on the command line without a +"


def test_presets_are_built_on_one_another(launcher):
    config = launcher("hydra/launcher=slurm_h100")
    assert (config.of("finetune").constraint, config.of("finetune").tasks_per_node) == ("h100", 8)
    assert (config.of("sample").constraint, config.of("sample").gpus, config.points_per_job) == ("h100", 1, 1)
    assert config.of("compose").gpus == 0


@pytest.mark.parametrize("stage", [DEFAULT, *STAGES])
def test_every_stage_can_be_set_on_the_command_line(launcher, stage):
    config = launcher("hydra/launcher=slurm", f"hydra.launcher.resources.{stage}.minutes=3")
    assert config.resources[stage].minutes == 3
    assert config.of("sample" if stage == DEFAULT else stage).minutes == 3


def test_lists_and_further_parameters_can_be_set_on_the_command_line(launcher):
    place = "hydra.launcher.resources"
    config = launcher(
        "hydra/launcher=slurm",
        f"{place}.default.setup=[module load cuda,echo]",
        f"+{place}.default.extra.reservation=ours",
        f"+{place}.finetune.extra={{gpu-bind:closest,exclusive:true}}",
    )
    assert config.of("finetune").setup == config.of("sample").setup == ["module load cuda", "echo"]
    assert config.of("finetune").extra == {"gpu-bind": "closest", "exclusive": True}
    assert config.of("sample").extra == {"reservation": "ours"}


@pytest.mark.parametrize("override", ["resources.sample.minuets=3", "resources.sample.minutes=long", "point_per_job=1"])
def test_hydra_refuses_what_is_no_key_and_no_value(compose, override):
    from hydra.errors import HydraException

    with pytest.raises((HydraException, OmegaConfBaseException)):
        compose("hydra/launcher=slurm", f"hydra.launcher.{override}", return_hydra_config=True)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (SlurmConfig(points_per_job=0), "hydra.launcher.points_per_job must be between 1 and"),
        (SlurmConfig(max_parallel=0), "hydra.launcher.max_parallel must be between 1 and"),
        (SlurmConfig(max_array_size=0), "hydra.launcher.max_array_size must be between 1 and"),
        (SlurmConfig(signal_seconds=0), "hydra.launcher.signal_seconds must be between 1 and"),
        (
            SlurmConfig(resources={"evaluation": Resources()}),
            "hydra.launcher.resources has no stage evaluation; accepted are default, pretrain, teach, synthesize",
        ),
        (
            SlurmConfig(resources={"sample": Resources(tasks_per_node=8)}),
            "hydra.launcher.resources.sample asks for 8 tasks, but only pretrain and finetune run on several",
        ),
        (
            SlurmConfig(resources={DEFAULT: Resources(nodes=2)}),
            "hydra.launcher.resources.teach asks for 2 tasks",
        ),
        (
            SlurmConfig(resources={"sample": Resources(minutes=0)}),
            "hydra.launcher.resources.sample.minutes must be between 1 and 1000000, but is 0.",
        ),
        (SlurmConfig(resources={"credit": Resources(cpus=0)}), "hydra.launcher.resources.credit.cpus must be"),
        (SlurmConfig(resources={"finetune": Resources(nodes=0)}), "hydra.launcher.resources.finetune.nodes must be"),
        (SlurmConfig(resources={"finetune": Resources(gpus=-1)}), "hydra.launcher.resources.finetune.gpus must be"),
        (SlurmConfig(resources={"sample": Resources(memory_gb=0)}), "hydra.launcher.resources.sample.memory_gb must"),
        (
            SlurmConfig(resources={"sample": Resources(points_per_job=0)}),
            "hydra.launcher.resources.sample.points_per_job must be",
        ),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_sentence(config, said):
    with pytest.raises(ValueError) as caught:
        config.check()
    text = str(caught.value)
    assert text.startswith(said)
    assert "\n" not in text and text.endswith(".")


def test_several_ranks_are_for_training(launcher):
    SlurmConfig(resources={"finetune": Resources(nodes=2, tasks_per_node=8), "pretrain": Resources(nodes=4)}).check()


def test_a_refusal_stops_the_command_before_anything_is_submitted(tmp_path):
    command = ["run", "-m", "seed=1,2", "hydra/launcher=slurm", "hydra.launcher.resources.sample.tasks_per_node=2"]
    done = subprocess.run(
        [sys.executable, "-m", "synthscale.cli", *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("hydra.launcher.resources.sample asks for 2 tasks")
    assert done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"multirun.yaml"}, "Hydra's own"
