"""What is handed to sbatch, and that nothing is handed over twice; sbatch and squeue are small scripts here.

The batch scripts are held as text in `golden`. SYNTHSCALE_WRITE_GOLDEN=1 writes them anew, after a change on purpose.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from submitit.core.utils import DelayedSubmission

from synthscale.study.error import UserError
from synthscale.study.plan import make_plan
from synthscale.study.recipe import Point, build_point
from synthscale.study.store import open_store
from synthscale_slurm.book import Array, Book
from synthscale_slurm.queue import SlurmUnreachable
from synthscale_slurm.resources import Resources, SlurmConfig
from synthscale_slurm.submit import Submitted, submit

GOLDEN = Path(__file__).parent / "golden"
SBATCH = r"""#!/bin/sh
cd "${0%/*}"
echo "${SLURM_JOB_ID-none} ${SBATCH_ACCOUNT-none} ${SLURM_CONF-none}" >> environments
read -r id < next
if [ "$id" = "$(/bin/cat refused)" ]; then
  echo "sbatch: error: invalid partition specified: gpu" >&2
  echo "sbatch: error: Batch job submission failed: Invalid partition name specified" >&2
  exit 1
fi
echo $((id + 1)) > next
while read -r line; do
  case $line in
    "#SBATCH --job-name="*) name=${line#*=} ;;
    "#SBATCH --array=0-"*) last=${line#*=0-}; last=${last%\%*} ;;
  esac
done < "$1"
echo "$id|$id|$name" >> names
[ -n "$last" ] || echo "$id|PENDING|None" >> jobs
i=0
while [ -n "$last" ] && [ "$i" -le "$last" ]; do
  echo "${id}_$i|PENDING|None" >> jobs
  i=$((i + 1))
done
echo "Submitted batch job $id"
"""
SQUEUE = r"""#!/bin/sh
cd "${0%/*}"
case "$*" in *%j*) exec /bin/cat names ;; *) exec /bin/cat jobs ;; esac
"""
SCANCEL = r"""#!/bin/sh
cd "${0%/*}"
for id in "$@"; do [ "$id" = --quiet ] || echo "$id" >> cancelled; done
while IFS= read -r line; do
  for id in "$@"; do [ "${line%%|*}" != "$id" ] || continue 2; done
  echo "$line"
done < jobs > left
/bin/mv left jobs
"""


@dataclass
class Slurm:
    """Counts jobs up from 11, and keeps all in its queue; `refused` is the id that sbatch would give but refuses to."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        for name, content in {"next": "11\n", "refused": "", "names": "", "jobs": ""}.items():
            (self.folder / name).write_text(content)
        scripts = {"sbatch": SBATCH, "squeue": SQUEUE, "scancel": SCANCEL, "srun": "#!/bin/sh\n"}
        for name, script in scripts.items():
            (self.folder / name).write_text(script)
            (self.folder / name).chmod(0o755)

    @property
    def num_submitted(self) -> int:
        """Arrays that sbatch took."""
        return int((self.folder / "next").read_text()) - 11

    def refuse(self, job_id: int | None) -> None:
        """Have sbatch refuse to give this id."""
        (self.folder / "refused").write_text(str(job_id or ""))

    @property
    def queue(self) -> set[str]:
        """The jobs that wait."""
        return {line.partition("|")[0] for line in (self.folder / "jobs").read_text().splitlines()}

    @property
    def cancelled(self) -> set[str]:
        """The jobs that scancel was called for."""
        path = self.folder / "cancelled"
        return set(path.read_text().split()) if path.exists() else set()

    def end(self, job_id: str) -> None:
        """Let a job, or an array as a whole, leave the queue."""
        for name in ("names", "jobs"):
            lines = (self.folder / name).read_text().splitlines(keepends=True)
            ids = [line.partition("|")[0] for line in lines]
            kept = [line for line, one in zip(lines, ids, strict=True) if job_id not in (one, one.partition("_")[0])]
            (self.folder / name).write_text("".join(kept))


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Slurm:
    """In an otherwise empty PATH; the working folder is a fresh one."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SBATCH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    return Slurm(tmp_path / "bin")


@pytest.fixture
def points(compose_run) -> list[Point]:
    """Of two algorithms and two seeds."""
    return [
        build_point(replace(compose_run(f"algorithm={name}", "study_name=small", "data_size=16"), seed=seed))
        for name in ("sft", "rft")
        for seed in (1, 2)
    ]


@pytest.fixture
def hand_over(points) -> Callable[..., Submitted]:
    """Submit what is missing of the points."""

    def call(config: SlurmConfig | None = None) -> Submitted:
        store = open_store("runs")
        return submit(make_plan(points, store), store, config or SlurmConfig(points_per_job=8))

    return call


def script(array: Array) -> str:
    """The array's batch script."""
    return (Path(array.logs) / f"{array.job_id}_submission.sh").read_text()


def dependency(array: Array) -> str | None:
    """What the array waits for."""
    lines = [line for line in script(array).splitlines() if line.startswith("#SBATCH --dependency=")]
    return lines[0].partition("=")[2] if lines else None


def arrays_of(book: Book) -> list[Array]:
    """Of all submissions."""
    return [array for submission in book.submissions() for array in submission.arrays]


@pytest.fixture
def book(tmp_path) -> Book:
    """That of the store."""
    return Book(tmp_path / "runs" / "artifacts")


def forget_ids(book: Book, *stages: str) -> None:
    """Leave the book as a submitter does that dies between sbatch and the noting of the id."""
    (path,) = book.folder.glob("*.json")
    content = json.loads(path.read_text())
    for array in content["arrays"]:
        if array["stage"] in stages:
            array["job_id"] = None
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("preset", ["slurm", "slurm_test", "slurm_a100"])
def test_the_batch_scripts(slurm, hand_over, compose, book, tmp_path, preset):
    composed = compose(f"hydra/launcher={preset}", return_hydra_config=True).hydra.launcher
    hand_over(OmegaConf.to_object(composed))
    (submission,) = book.submissions()
    parts = []
    for array in submission.arrays:
        title = f"=== layer {array.layer}: {array.stage}, {[len(pack) for pack in array.packs]} stages ===\n"
        parts.append(title + script(array).rstrip("\n") + "\n")
    text = "\n".join(parts)
    places = {str(tmp_path): "{folder}", sys.executable: "{python}", submission.token: "{token}"}
    for place, name in places.items():
        text = text.replace(place, name)
    golden = GOLDEN / f"{preset}.txt"
    if os.environ.get("SYNTHSCALE_WRITE_GOLDEN") == "1":
        golden.write_text(text)
    assert text == golden.read_text()


def test_each_job_holds_the_stages_that_the_book_says(slurm, hand_over, points, book):
    hand_over(SlurmConfig(points_per_job=1, resources={"sample": Resources(points_per_job=2)}))
    for array in arrays_of(book):
        for job_id, keys in zip(array.job_ids, array.packs, strict=True):
            job = DelayedSubmission.load(Path(array.logs) / f"{job_id}_submitted.pkl").function
            assert [node.key for node in job.stages] == keys
            roots = [point.root.key for point in points if point.root.key in keys]
            assert [point.root.key for point in job.points] == roots, (
                "it writes the records of the points that end there"
            )
            assert job.store.root.is_absolute()
    assert {len(keys) for array in arrays_of(book) for keys in array.packs if array.stage == "sample"} == {2}


def test_a_job_has_no_more_threads_than_cpus(slurm, hand_over, points, book):
    for point in points:
        point.config.trainer.num_threads = 4
    hand_over(SlurmConfig(resources={"default": Resources(cpus=8), "compose": Resources(cpus=2)}))
    threads = {}
    for array in arrays_of(book):
        for job_id in array.job_ids:
            job = DelayedSubmission.load(Path(array.logs) / f"{job_id}_submitted.pkl").function
            threads.setdefault(array.stage, set()).add(job.num_threads)
    assert threads.pop("compose") == {2}
    assert set().union(*threads.values()) == {4}


def test_the_same_command_again_submits_nothing(slurm, hand_over, book):
    first, again = hand_over(), hand_over()
    assert (len(first.arrays), first.num_in_queue) == (slurm.num_submitted, 0)
    assert (again.arrays, again.job_ids, again.num_in_queue) == ([], [], 14)
    assert len(arrays_of(book)) == 7


def test_what_has_left_the_queue_without_an_artifact_is_submitted_again(slurm, hand_over, book):
    hand_over()
    last = arrays_of(book)[-1]
    slurm.end(last.job_id)
    again = hand_over()
    assert [array.stage for array in again.arrays] == ["evaluate"]
    assert dependency(arrays_of(book)[-1]) == "afterany:16", "on the array of its inputs, which is in the queue"
    assert slurm.cancelled == set()


def test_jobs_that_wait_for_what_no_job_makes_any_more_are_cancelled_and_submitted_anew(slurm, hand_over, book):
    hand_over()
    before = {(array.layer, array.stage): array.job_id for array in arrays_of(book)}
    slurm.end(before[2, "sample"])
    again = hand_over()
    assert [(array.layer, array.stage) for array in again.arrays] == [
        (2, "sample"), (3, "compose"), (4, "finetune"), (5, "evaluate"),
    ]  # fmt: skip
    assert slurm.cancelled == {before[3, "compose"], before[4, "finetune"], before[5, "evaluate"]}
    assert dependency(arrays_of(book)[-4]) == f"afterany:{before[0, 'synthesize']}:{before[1, 'finetune']}"


def test_of_a_job_that_is_cancelled_all_stages_are_submitted_anew_and_what_waits_for_them(slurm, hand_over, points):
    """Samples of both seeds are one job: with the second seed's first phase gone, the first seed's chain goes too."""
    config = SlurmConfig(points_per_job=1, resources={"sample": Resources(points_per_job=2)})
    hand_over(config)
    book = Book(open_store("runs").root)
    first_phase = next(array for array in arrays_of(book) if array.stage == "finetune")
    index = first_phase.packs.index([points[3].nodes["sft"].key])
    slurm.end(first_phase.job_ids[index])
    again = hand_over(config)
    anew = {node.key for array in again.arrays for pack in array.packs for node in pack}
    after_sampling = ("sample", "compose", "policy", "evaluate")
    assert anew == {
        *(point.nodes[role].key for point in points[2:] for role in after_sampling),
        *(points[3].nodes["sft"].key, points[1].root.key),
    }
    newest = book.newest_jobs()
    assert {newest[key].job_id for point in points for key in [point.root.key]} <= slurm.queue
    assert not slurm.cancelled & slurm.queue


def test_of_another_study_too_what_is_in_the_queue_is_not_submitted_again(slurm, hand_over, points, book):
    hand_over()
    other = [build_point(replace(points[0].config, study_name="other")), build_point(replace(points[0].config, seed=3))]
    store = open_store("runs")
    assert [array.stage for array in submit(make_plan(other, store), store, SlurmConfig()).arrays] == [
        "synthesize",
        "finetune",
        "evaluate",
    ]


def test_sbatch_does_not_see_the_job_that_it_is_called_from(slurm, hand_over, monkeypatch):
    for name, value in {"SLURM_JOB_ID": "5", "SBATCH_ACCOUNT": "theirs", "SLURM_CONF": "/etc/slurm.conf"}.items():
        monkeypatch.setenv(name, value)
    hand_over()
    assert set((slurm.folder / "environments").read_text().splitlines()) == {"none none /etc/slurm.conf"}
    assert os.environ["SLURM_JOB_ID"] == "5"


def test_an_array_that_sbatch_refuses_leaves_those_before_it_and_the_next_call_submits_the_rest(slurm, hand_over, book):
    slurm.refuse(12)
    with pytest.raises(
        UserError, match=r"sbatch refused small-1-finetune-\w+-1 \(invalid partition specified: gpu Batch"
    ):
        hand_over()
    assert [(array.stage, array.job_id) for array in arrays_of(book)] == [("synthesize", "11")]
    slurm.refuse(None)
    again = hand_over()
    assert again.num_in_queue == 2
    assert [array.stage for array in again.arrays] == [
        "finetune", "evaluate", "sample", "compose", "finetune", "evaluate",
    ]  # fmt: skip
    first, *rest = arrays_of(book)
    assert (first.job_id, dependency(rest[0])) == ("11", "afterany:11")
    assert slurm.num_submitted == 7


def test_an_answer_without_a_job_id_is_no_job(slurm, hand_over, book):
    (slurm.folder / "sbatch").write_text("#!/bin/sh\necho 'Granted'\n")
    with pytest.raises(UserError) as caught:
        hand_over()
    assert 'Could not make sense of sbatch output "Granted"' in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [array.job_id for array in arrays_of(book)] == [None]


@pytest.mark.parametrize("command", ["sbatch", "srun", "squeue"])
def test_without_slurms_commands_nothing_is_submitted(slurm, hand_over, book, command):
    (slurm.folder / command).unlink()
    with pytest.raises(SlurmUnreachable, match=f"There is no {command} here"):
        hand_over()
    assert (arrays_of(book), slurm.num_submitted) == ([], 0)


def test_while_slurm_does_not_answer_nothing_is_submitted(slurm, hand_over):
    hand_over()
    (slurm.folder / "squeue").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(SlurmUnreachable):
        hand_over()
    assert slurm.num_submitted == 7


def test_an_array_whose_submitter_died_before_it_noted_the_id_is_not_submitted_twice(slurm, hand_over, book):
    hand_over()
    before = arrays_of(book)
    forget_ids(book, "evaluate", "compose")
    assert hand_over().arrays == []
    assert arrays_of(book) == before, "it is found by its name"


def test_an_array_whose_submitter_died_before_sbatch_is_submitted(slurm, hand_over, book):
    hand_over()
    last = arrays_of(book)[-1]
    (path,) = book.folder.glob("*.json")
    content = json.loads(path.read_text())
    content["arrays"][-1]["job_id"] = None
    content["created"] -= 3600  # an sbatch that outlives its submitter is waited for a while
    path.write_text(json.dumps(content))
    slurm.end(last.job_id)
    assert [(array.layer, array.stage) for array in hand_over().arrays] == [(5, "evaluate")]
    assert [array.job_id for array in arrays_of(book)] == ["11", "12", "13", "14", "15", "16", "18"]


def test_on_the_command_line_a_refusal_is_one_sentence(slurm, book):
    slurm.refuse(12)
    command = ["run", "-m", "algorithm=sft", "seed=1,2", "study_name=small", "logger=none", "hydra/launcher=slurm"]
    path = f"{slurm.folder}:/usr/bin:/bin"
    done = subprocess.run(
        [sys.executable, "-m", "synthscale.cli", *command],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("sbatch refused small-1-finetune-") and done.stderr.count("\n") == 1
    assert [array.job_id for array in arrays_of(book)] == ["11"]
