"""The books of a point are those that Hydra itself keeps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobStatus
from hydra.types import HydraContext, RunMode

from hydra_plugins.synthscale_launchers.bookkeeping import Books
from hydra_plugins.synthscale_launchers.sweep_loader import SweepLoader
from synthscale.study.app import config_dir
from synthscale.study.config import register_schemas
from synthscale.study.outcome import Failure, Outcome, StudyFailed

POINT = SimpleNamespace(label="sft N=64 seed=0")
POINTS = [
    [],
    ["data_size=64", "seed=3"],
    ["data_size=128", "seed=3"],
    ["algorithm=dpo", "algorithm.beta=0.3", "model.architecture.num_layers=1"],
    ["algorithm=dpo", "algorithm.beta=0.4", "algorithm.recipe=[synthesize,finetune]"],
    ["algorithm=dpo"],
    ["study_name='on'", "runs_dir='runs: of ${study_name}, and a name that is so long that a line of YAML is folded'"],
    ["trainer.device=cpu", "model.path=null", "credit.pit_rule=largest_drop"],
]


@pytest.fixture(scope="module")
def keep(tmp_path_factory):
    """Makes the books of a sweep: with the sweep's folder, and more overrides of Hydra's."""
    register_schemas()
    folder = tmp_path_factory.mktemp("sweep")
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()

        def make(*overrides: str) -> tuple[Path, Books]:
            overrides = (f"hydra.sweep.dir={folder}", "hydra.mode=MULTIRUN", *overrides)
            master = loader.load_configuration("config", list(overrides), RunMode.MULTIRUN)
            fast = SweepLoader(loader)
            return folder, Books(fast, HydraContext(config_loader=fast, callbacks=Callbacks()), master)

        yield make


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_those_of_hydras_run_job(keep):
    folder, books = keep("hydra.sweep.subdir=${hydra.job.num}-${seed}")
    for index, overrides in enumerate(POINTS * 2):  # again, when all that points share has been turned into YAML
        ours = books.close(index, overrides, Outcome(POINT))
        written = files(folder)
        own = books._close_by_hydra(index, overrides, Outcome(POINT))
        assert written == files(folder)
        assert (ours.overrides, ours.working_dir, ours.task_name) == (own.overrides, own.working_dir, own.task_name)
    assert len(files(folder)) == 3 * 2 * len(POINTS)


def test_no_files_where_none_are_wanted(keep):
    folder, books = keep("hydra.output_subdir=null", "hydra.sweep.subdir=none${hydra.job.num}")
    books.close(0, ["seed=1"], Outcome(POINT))
    assert list((folder / "none0").iterdir()) == []


def test_the_status_says_what_became_of_the_point(keep):
    """What was handed to a cluster has neither a record nor a failure yet: the job that Hydra knows of is done."""
    _, books = keep()
    submitted, done = Outcome(POINT), Outcome(POINT, record=SimpleNamespace())
    for outcome in (submitted, done):
        job = books.close(0, ["seed=1"], outcome)
        assert (job.status, job.return_value) == (JobStatus.COMPLETED, outcome)
    failed = books.close(0, ["seed=1"], Outcome(POINT, failure=Failure("sample", "sample-0", "no luck", Path("log"))))
    assert failed.status is JobStatus.FAILED
    with pytest.raises(StudyFailed, match="sft N=64 seed=0 failed in sample: no luck"):
        _ = failed.return_value
