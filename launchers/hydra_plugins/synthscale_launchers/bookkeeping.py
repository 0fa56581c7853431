"""Hydra's books of a sweep's points: each point's folder with its config, its callbacks, its status.

Hydra's `run_job` copies and prints the whole config of every point, at about 40 ms. Its copies are for callbacks, so
where there are none only its files are written, and what does not change from point to point is printed once.
"""

import os
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, JobRuntime, JobStatus, run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hydra_plugins.synthscale_launchers.sweep_loader import SweepLoader

if TYPE_CHECKING:
    from synthscale.study.outcome import Outcome

OWN_HYDRA_KEYS = frozenset({"job", "overrides", "runtime"})
"""What differs under `hydra` between the points of a sweep."""


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
            job = JobReturn(overrides=list(config.hydra.overrides.task), working_dir=os.getcwd())
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


def write_folder(config: DictConfig, own_keys: Set[str], texts: dict[str, str]) -> None:
    """The files that Hydra's `run_job` writes.

    Args:
        own_keys: the keys of the config that are not the same in all configs that share `texts`.
        texts: YAML of the other keys, kept from call to call.
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
        "config": "".join(task_texts(config, own_keys, texts)),
        "hydra": "hydra:\n" + "".join(hydra_texts(config, texts)),
        "overrides": OmegaConf.to_yaml(config.hydra.overrides.task),
    }
    for name, content in contents.items():
        (folder / subdir / f"{name}.yaml").write_text(content, encoding="utf-8")


def task_texts(config: DictConfig, own_keys: Set[str], texts: dict[str, str]) -> Iterator[str]:
    """The config without `hydra` as YAML, key by key."""
    for key in map(str, config):
        if key in own_keys:
            yield OmegaConf.to_yaml(OmegaConf.masked_copy(config, key))
        elif key != "hydra":
            if key not in texts:
                texts[key] = OmegaConf.to_yaml(OmegaConf.masked_copy(config, key))
            yield texts[key]


def hydra_texts(config: DictConfig, texts: dict[str, str]) -> Iterator[str]:
    """What is under `hydra` as YAML, key by key, as deep as it stands there: YAML is folded at a column."""
    for key in map(str, config.hydra):
        if key in OWN_HYDRA_KEYS or f"hydra.{key}" not in texts:
            text = OmegaConf.to_yaml({"hydra": OmegaConf.masked_copy(config.hydra, key)})
            texts[f"hydra.{key}"] = text.partition("\n")[2]
        yield texts[f"hydra.{key}"]
