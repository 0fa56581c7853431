"""What is measured: the stages' own code on one point of the precedence world, each in a fresh process.

The peak of memory is that of the process from its start, the libraries that it imports included.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from synthscale.session import Session
from synthscale.stage.stage import Artifact

NUM_SAMPLES = 4
NUM_ROLLOUTS = 2
NUM_BATCHES = 2_000  # that the last phase serves, of a plan for one epoch
BATCH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Measured:
    """One phase."""

    phase: str
    num_problems: int
    num_rows: int
    seconds: float
    peak_mib: float

    @property
    def rows_per_second(self) -> float:
        """That the phase got through."""
        return self.num_rows / self.seconds


Phase = Callable[[int, Path], int]
"""Goes through so many problems, finds under the folder what earlier ones made, and returns how many rows it had."""


def measure(phase: Phase, name: str, num_problems: int, root: Path) -> Measured:
    """Run a phase in a process of its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as executor:
        return executor.submit(_measure_here, phase, name, num_problems, root).result()


def _measure_here(phase: Phase, name: str, num_problems: int, root: Path) -> Measured:
    started = time.perf_counter()
    num_rows = phase(num_problems, root)
    return Measured(name, num_problems, num_rows, time.perf_counter() - started, peak_mib())


def peak_mib() -> float:
    """The largest resident memory of this process so far, pages of mapped files included.

    On Linux not `ru_maxrss`, which begins with what the parent held when it started this process.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def synthesize(num_problems: int, root: Path) -> int:
    """New problems with a trace each; rows are problems and traces."""
    from synthscale.problem import PrecedenceConfig
    from synthscale.stage import synthesize

    config = synthesize.SynthesizeConfig(
        task=PrecedenceConfig(), traces_per_problem=1, num_problems=num_problems, seed=0
    )
    measures = synthesize.run(config, {}, _new(root, "synthesize"), Session())
    return int(measures["num_problems"] or 0) + int(measures["num_traces"] or 0)


def grade(num_problems: int, root: Path) -> int:
    """The sampling stage with a stand-in for the policy: solutions graded and written."""
    from benchmarks.scale_stand_in import standing_in
    from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
    from synthscale.problem import PrecedenceConfig
    from synthscale.stage import sample

    config = sample.SampleConfig(
        task=PrecedenceConfig(),
        sampler=SamplerConfig(temperature=1.0, num_samples=NUM_SAMPLES),
        policy=PolicyConfig(),
        device=Device.cpu,
        seed=0,
    )
    with standing_in(root / "synthesize" / "traces.parquet"):
        measures = sample.run(config, _inputs(root), _new(root, "sample"), Session())
    return int(measures["num_samples"] or 0)


def credit(num_problems: int, root: Path) -> int:
    """Rollouts of the stand-in from every prefix of a negative of each problem, graded; rows are rollouts."""
    from benchmarks.scale_stand_in import standing_in
    from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
    from synthscale.problem import PrecedenceConfig
    from synthscale.stage import credit

    config = credit.RolloutConfig(
        task=PrecedenceConfig(),
        sampler=SamplerConfig(temperature=1.0, num_samples=NUM_SAMPLES),
        policy=PolicyConfig(),
        device=Device.cpu,
        num_rollouts=NUM_ROLLOUTS,
        max_negatives_per_problem=1,
        seed=0,
    )
    with standing_in(root / "synthesize" / "traces.parquet"):
        measures = credit.run(config, _inputs(root), _new(root, "credit"), Session())
    return int(measures["num_rollouts"] or 0)


def compose(num_problems: int, root: Path) -> int:
    """Half positives, half pairs of whole solutions, two a problem; rows are the samples read."""
    return _compose(root, "solution", "compose")


def compose_steps(num_problems: int, root: Path) -> int:
    """The same with step pairs at the pits of the prefix values."""
    return _compose(root, "step", "compose_steps")


def tokenise(num_problems: int, root: Path) -> int:
    """The composed set as tokens of the embedded learner, on disk; rows are examples."""
    from synthscale.policy.config import PolicyConfig
    from synthscale.policy.prompter import Prompter
    from synthscale.policy.tiny import build_tokenizer
    from synthscale.problem import PrecedenceConfig, PrecedenceTask
    from synthscale.stage.finetune import read_examples
    from synthscale.training.encoding import Encoder
    from synthscale.training.tokens import keep_tokens

    task = PrecedenceTask(PrecedenceConfig())
    encoder = Encoder(Prompter(build_tokenizer(task.words), PolicyConfig()), eos_after_prefix=False)
    folder = _new(root, "tokenise") / "tokens"
    return len(keep_tokens(folder, lambda: encoder.encode_all(read_examples(task, _artifact(root, "compose")))))


def batches(num_problems: int, root: Path) -> int:
    """The plan of one epoch over these tokens, and its first batches; rows are the examples in them."""
    import torch

    from synthscale.training.data import MixedDataModule
    from synthscale.training.tokens import Tokens

    tokens = Tokens(root / "tokenise" / "tokens")
    num_pairs = int(tokens.is_pair.sum())
    data = MixedDataModule(
        tokens,
        [],
        batch_size=BATCH_SIZE,
        num_updates=(len(tokens) + num_pairs) // BATCH_SIZE,
        seed=0,
        pad_id=0,
        reference_logprobs=torch.zeros(num_pairs, 2),
    )
    return sum(
        data.batch(*data.plan[i]).whole[0] + len(data.plan[i][1]) for i in range(min(NUM_BATCHES, len(data.plan)))
    )


PHASES: dict[str, Phase] = {
    phase.__name__: phase for phase in (synthesize, grade, compose, tokenise, batches, credit, compose_steps)
}


def _compose(root: Path, shape: str, name: str) -> int:
    from synthscale.credit.pit import PitRule
    from synthscale.mixture.example import PairShape
    from synthscale.mixture.mixture import MixtureConfig
    from synthscale.problem import PrecedenceConfig
    from synthscale.stage import compose
    from synthscale.table import count_rows

    config = compose.ComposeConfig(
        task=PrecedenceConfig(),
        mixture=MixtureConfig(negative_fraction=0.5, examples_per_problem=2, pair_shape=PairShape(shape)),
        max_negatives_per_problem=2 if shape == "solution" else 1,
        pit_rule=PitRule.lowest_value,
        best_of=1,
    )
    measures = compose.run(config, _inputs(root), _new(root, name), Session())
    assert measures["num_train_positives"] and measures["num_train_pairs"]
    return count_rows(root / "sample" / "samples.parquet")


def _inputs(root: Path) -> dict[str, Artifact]:
    inputs = {"data": "synthesize", "samples": "sample", "credit": "credit", "policy": "none"}
    return {name: _artifact(root, folder) for name, folder in inputs.items()}


def _artifact(root: Path, stage: str) -> Artifact:
    return Artifact(root / stage, {"stage": stage, "measures": {}})


def _new(root: Path, stage: str) -> Path:
    folder = root / stage
    folder.mkdir()
    return folder
