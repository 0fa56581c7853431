"""Hydra's books of a sweep's points: each point's folder with its config, its callbacks, its status.

Hydra's `run_job` copies and prints the whole config of every point, at about 40 ms. Its copies are for callbacks, so
where there are none only its files are written, and what is the same for many points is turned into YAML once.
"""

import os
from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf._utils import get_omega_conf_dumper

from hydra_plugins.synthscale_launchers.sweep_loader import Key, SweepLoader

if TYPE_CHECKING:
    from synthscale.study.outcome import Outcome

OWN_HYDRA_KEYS: Set[Key] = {
    ("hydra", "job", "id"),
    ("hydra", "job", "num"),
    ("hydra", "job", "override_dirname"),
    ("hydra", "overrides", "task"),
    ("hydra", "runtime", "output_dir"),
}
"""What differs under `hydra` between points of a sweep that choose the same groups."""


class Books:
    """Keeps the books of the points that have ended."""

    def __init__(self, loader: SweepLoader, hydra_context: HydraContext, config: DictConfig) -> None:
        self.loader = loader
        self.hydra_context = hydra_context
        self.config = config

    def close(self, index: int, overrides: Sequence[str], outcome: "Outcome") -> JobReturn:
        """Write the point's folder, tell the callbacks, and return its status: FAILED for a failure, else COMPLETED."""
        if self.hydra_context.callbacks.callbacks:
            return self._close_by_hydra(index, overrides, outcome)
        with self.loader.lend_job_config(self.config, overrides) as (config, own_keys, texts):
            number_job(config, index)
            write_folder(config, own_keys, texts)
            task_overrides = cast(list[str], OmegaConf.to_container(config.hydra.overrides.task))
        job = JobReturn(overrides=task_overrides, working_dir=os.getcwd())
        job.task_name = JobRuntime.instance().get("name")
        try:
            job.return_value, job.status = result_of(outcome), JobStatus.COMPLETED
        except Exception as error:
            job.return_value, job.status = error, JobStatus.FAILED
        return job

    def _close_by_hydra(self, index: int, overrides: Sequence[str], outcome: "Outcome") -> JobReturn:
        config = self.loader.load_sweep_config(self.config, overrides)
        number_job(config, index)
        return run_job(
            hydra_context=self.hydra_context,
            task_function=lambda _: result_of(outcome),
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            configure_logging=False,
        )


def result_of(outcome: "Outcome") -> "Outcome":
    """The outcome of a point that did not fail.

    Raises:
        StudyFailed: of one that did.
    """
    from synthscale.study.outcome import StudyFailed

    if outcome.failure is not None:
        raise StudyFailed(f"{outcome.point.label} failed in {outcome.failure.stage}: {outcome.failure.message}")
    return outcome


def number_job(config: DictConfig, index: int) -> None:
    """What Hydra's launchers write into each job's config."""
    with open_dict(config):
        config.hydra.job.id = index
        config.hydra.job.num = index


def write_folder(config: DictConfig, own_keys: Set[Key], texts: dict[Key, str]) -> None:
    """The files that Hydra's `run_job` writes.

    Args:
        own_keys: where the values are not those of all configs that share `texts`, beside `OWN_HYDRA_KEYS`.
        texts: YAML of the others, kept from call to call.
    """
    folder = Path(os.path.abspath(os.path.join(config.hydra.sweep.dir, str(config.hydra.sweep.subdir))))
    with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
        config.hydra.runtime.output_dir = str(folder)
    subdir = config.hydra.output_subdir
    if subdir is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    (folder / subdir).mkdir(parents=True, exist_ok=True)
    contents = {
        "config": yaml_of(config, own_keys, texts),
        "hydra": "hydra:\n" + yaml_of(config.hydra, OWN_HYDRA_KEYS, texts, ("hydra",)),
        "overrides": to_yaml(OmegaConf.to_container(config.hydra.overrides.task)),
    }
    for name, content in contents.items():
        (folder / subdir / f"{name}.yaml").write_text(content, encoding="utf-8")


def yaml_of(config: DictConfig, own_keys: Set[Key], texts: dict[Key, str], path: Key = ()) -> str:
    """The config at `path`, key by key; without `hydra`, which is a config of its own."""
    inside = {key[: len(path) + 1] for key in own_keys if len(key) > len(path) + 1}
    pieces = []
    for name in (str(name) for name in config if (*path, name) != ("hydra",)):
        key = (*path, name)
        child = config._get_node(name) if key in inside else None
        if isinstance(child, DictConfig) and child:
            piece = f"{'  ' * len(path)}{name}:\n{yaml_of(child, own_keys, texts, key)}"
        elif key in inside or key in own_keys:
            piece = yaml_at(path, OmegaConf.masked_copy(config, name))
        else:
            piece = texts.get(key) or texts.setdefault(key, yaml_at(path, OmegaConf.masked_copy(config, name)))
        pieces.append(piece)
    return "".join(pieces)


def yaml_at(path: Key, config: DictConfig) -> str:
    """The config as deep as it stands under its path, since lines are folded at a column."""
    nested: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    for name in reversed(path):
        nested = {name: nested}
    return "".join(to_yaml(nested).splitlines(keepends=True)[len(path) :])


def to_yaml(container: Any) -> str:
    """What `OmegaConf.to_yaml` says, said faster."""
    text: str = yaml.dump(container, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=Dumper)
    return text


class Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]  # libyaml's, where PyYAML was built with it
    """OmegaConf's choice of quotes, in C."""

    yaml_representers = get_omega_conf_dumper().yaml_representers
