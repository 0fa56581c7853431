"""Hands a plan to SLURM: what is missing and not in the queue, as job arrays, one layer after the other.

A job depends on the end of those before it, not on their success (`afterany`): a stage that failed must not keep
stages of other points from running, and a job that lacks its input fails at once and says so. To find out what is in
the queue and to submit the rest is one step under a lock, so that two people who share the folder submit nothing twice.
"""

from __future__ import annotations

import getpass
import io
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthscale.study.error import UserError
from synthscale.study.execute import execution_of, threads_of
from synthscale.study.plan import Plan
from synthscale.study.record import study_folder
from synthscale.study.store import ArtifactStore
from synthscale_slurm.book import Array, Book, Job
from synthscale_slurm.job import StageJob
from synthscale_slurm.layers import PlannedArray, plan_arrays
from synthscale_slurm.queue import JobState, Phase, cancel, find_ids, job_states, require
from synthscale_slurm.resources import SlurmConfig

if TYPE_CHECKING:
    from submitit import SlurmExecutor

KILLED = "134 135 137 139"  # SIGABRT, SIGBUS, SIGKILL (of the out-of-memory killer for one), SIGSEGV


class Refused(UserError):
    """sbatch said no, so that there is no job to look for."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one call handed over, and what it left as it was."""

    arrays: list[PlannedArray]
    job_ids: list[str]  # of the arrays
    num_in_queue: int  # stages that a job in the queue is to make
    num_elsewhere: int  # points whose last stage a job of another study is to make, which writes that study's records


def submit(plan: Plan, store: ArtifactStore, config: SlurmConfig) -> Submitted:
    """Submit what is missing.

    Raises:
        SlurmUnreachable: if SLURM's commands are not here, or squeue gives no answer; nothing is submitted.
        UserError: if sbatch refuses an array; those before it stay, and the next call goes on from there.
    """
    study = study_folder(plan.points[0].config)
    book = Book(store.root)
    with book.locked():
        active = active_jobs(book, {planned.node.key for planned in plan.todo})
        doomed = doomed_jobs(plan, active, study)
        cancel(sorted(doomed))
        active = {key: found for key, found in active.items() if found[0].job_id not in doomed}
        in_queue = {key: job.job_id.partition("_")[0] for key, (job, _) in active.items()}
        arrays = plan_arrays(plan, config, in_queue)
        if arrays:
            require("sbatch", "srun", "squeue")
        submission = book.open_submission(study)
        job_ids: list[str] = []
        for array in arrays:
            after = [*(job_ids[i] for i in array.waits_for), *array.waits_for_jobs]
            entry = Array(
                name=f"{study.name}-{array.layer}-{array.stage}-{submission.token}-{len(job_ids)}",
                stage=array.stage,
                layer=array.layer,
                logs=str((study / config.folder).absolute()),
                packs=[[node.key for node in pack] for pack in array.packs],
            )
            submission.arrays.append(entry)
            book.keep(submission)
            executor = make_executor(array, entry, after, plan, config)
            try:
                entry.job_id = _submit_array(executor, stage_jobs(array, plan, store, study, config))
            except Refused:
                submission.arrays.pop()
                raise
            finally:
                book.keep(submission)
            job_ids.append(entry.job_id)
    elsewhere = {key for key, (job, _) in active.items() if job.submission.study != submission.study}
    return Submitted(arrays, job_ids, len(in_queue), sum(point.root.key in elsewhere for point in plan.points))


def active_jobs(book: Book, keys: set[str]) -> dict[str, tuple[Job, JobState]]:
    """For those of the keys that a job in SLURM's queue is to make: the job, and its state."""
    find_ids(book)
    jobs = {key: job for key, job in book.newest_jobs().items() if key in keys}
    states = job_states(jobs.values())
    return {key: (job, states[job.job_id]) for key, job in jobs.items() if states[job.job_id].phase is not Phase.ended}


def doomed_jobs(plan: Plan, active: Mapping[str, tuple[Job, JobState]], study: Path) -> set[str]:
    """Jobs that wait in the queue for what no job makes any more: they would start before it is made anew, and fail.

    Those of other studies and other users are theirs to submit again.
    """
    doomed: set[str] = set()
    own = (str(study.absolute()), getpass.getuser())

    def is_coming(key: str) -> bool:
        return plan.nodes[key].done or (key in active and active[key][0].job_id not in doomed)

    num_before = -1
    while len(doomed) > num_before:  # a job goes with all its stages, and those of other points may wait for them
        num_before = len(doomed)
        for planned in plan.todo:
            if planned.node.key in active:
                job, state = active[planned.node.key]
                is_own = (job.submission.study, job.submission.user) == own
                if (
                    is_own
                    and state.phase is Phase.queued
                    and not all(is_coming(one.key) for one in planned.node.inputs.values())
                ):
                    doomed.add(job.job_id)
    return doomed


def stage_jobs(
    array: PlannedArray, plan: Plan, store: ArtifactStore, study: Path, config: SlurmConfig
) -> list[StageJob]:
    """What each job of the array runs."""
    absolute = ArtifactStore(store.root.absolute(), store.shipped, store.max_wait_seconds)
    jobs = []
    for pack in array.packs:
        keys = {node.key for node in pack}
        indices = sorted({index for key in keys for index in plan.nodes[key].points})
        points = tuple(plan.points[index] for index in indices if plan.points[index].root.key in keys)
        execution = execution_of(plan.points)
        num_threads = min(threads_of(plan.points), array.resources.cpus or 1)
        jobs.append(
            StageJob(pack, points, absolute, study, execution, num_threads, array.signal_seconds(config), Path.cwd())
        )
    return jobs


def make_executor(
    array: PlannedArray, entry: Array, after: Sequence[str], plan: Plan, config: SlurmConfig
) -> SlurmExecutor:
    """submitit's executor with the parameters of the array's batch script."""
    from submitit import SlurmExecutor

    wanted, max_retries = array.resources, execution_of(plan.points).max_retries
    executor = SlurmExecutor(folder=entry.logs, max_num_timeout=max_retries)
    parameters: dict[str, Any] = {
        "job_name": entry.name,
        "nodes": wanted.nodes,
        "ntasks_per_node": wanted.tasks_per_node,
        "cpus_per_task": wanted.cpus,
        "gpus_per_node": wanted.gpus or None,
        "mem": f"{round(1024 * (wanted.memory_gb or 0))}MB",
        "time": array.minutes,
        "partition": wanted.partition,
        "account": wanted.account,
        "qos": wanted.qos,
        "constraint": wanted.constraint,
        "dependency": f"afterany:{':'.join(after)}" if after else None,
        "array_parallelism": config.max_parallel,
        "signal_delay_s": array.signal_seconds(config),
        "setup": wanted.setup or None,
        "teardown": requeue_if_killed(Path(entry.logs), max_retries),
        # a rank that dies takes the others with it; steps take the job's CPUs a task only when told
        "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={wanted.cpus}"],
        "additional_parameters": {"requeue": True, **wanted.extra},
    }
    executor.update_parameters(**{name: value for name, value in parameters.items() if value is not None})
    return executor


def requeue_if_killed(logs: Path, max_retries: int) -> list[str]:
    """The end of the batch script: its exit status is srun's, and a job whose process was killed is queued again."""
    return [
        "status=$?",
        # the id of an array's last job is also that of the array, all of which a requeue would restart
        'job="$SLURM_JOB_ID"',
        '[[ -z "$SLURM_ARRAY_TASK_ID" ]] || job="${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"',
        f'if [[ " {KILLED} " == *" $status "* ]]; then',
        f'  deaths={shlex.quote(str(logs))}/"$job.deaths"',
        '  echo "$status" >> "$deaths"',
        f'  if (( $(wc -l < "$deaths") <= {max_retries} )); then',
        '    scontrol requeue "$job" && sleep 300',
        "  fi",
        "fi",
        'exit "$status"',
    ]


def _submit_array(executor: SlurmExecutor, jobs: Sequence[StageJob]) -> str:
    """The id of the array that SLURM made of the jobs.

    Raises:
        UserError: if sbatch refuses them, with what it said.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("SLURM_", "SBATCH_"))}
    os.environ |= {name: value for name, value in hidden.items() if name == "SLURM_CONF"}
    try:  # from inside an interactive job, its own variables would override what the script asks for
        with redirect_stderr(io.StringIO()), executor.batch():  # submitit prints what it raises, too
            submitted = [executor.submit(job) for job in jobs]
    except (FailedJobError, FailedSubmissionError) as error:
        lines = [line.removeprefix("sbatch: error: ") for line in str(error).splitlines()]
        said = " ".join(lines if isinstance(error, FailedJobError) else lines[:1]) or "without a word"
        kind = Refused if isinstance(error, FailedJobError) else UserError
        raise kind(
            f"sbatch refused {executor.parameters['job_name']} ({said}): correct its hydra.launcher.resources and "
            "run the command again, which submits what is missing; what was submitted before it stays in the queue."
        ) from error
    finally:
        os.environ |= hidden
    return str(submitted[0].job_id).partition("_")[0]
