"""The benchmark at scale runs the stages themselves, in small."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks import scale
from benchmarks.scale_output import LIMIT_MIB
from benchmarks.scale_phases import NUM_ROLLOUTS, NUM_SAMPLES, PHASES, Measured, peak_mib
from benchmarks.scale_stand_in import guess, variant
from synthscale.mixture.example import Example
from synthscale.policy.prompter import Prompt
from synthscale.problem import PrecedenceConfig, PrecedenceTask
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.table import read_table
from synthscale.training.tokens import Tokens

NUM_PROBLEMS = 2_000


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """All phases, here and not in processes of their own, which would import torch again and again."""
    root = tmp_path_factory.mktemp("scale")
    return root, {name: phase(NUM_PROBLEMS, root) for name, phase in PHASES.items()}


def test_every_phase_gets_through_the_rows_that_it_should(done) -> None:
    root, num_rows = done
    assert num_rows["synthesize"] == 2 * NUM_PROBLEMS
    assert num_rows["grade"] == num_rows["compose"] == num_rows["compose_steps"] == NUM_SAMPLES * NUM_PROBLEMS
    assert num_rows["tokenise"] == 2 * NUM_PROBLEMS == len(Tokens(root / "tokenise" / "tokens"))
    assert num_rows["credit"] == 3 * NUM_ROLLOUTS * NUM_PROBLEMS  # solutions of four steps have three prefixes
    assert num_rows["batches"] > 0.99 * num_rows["tokenise"]


def test_the_stand_ins_samples_are_graded_as_the_world_grades(done) -> None:
    root, _ = done
    task = PrecedenceTask(PrecedenceConfig())
    problems = {row.problem_id: row for row in read_table(root / "synthesize" / "problems.parquet", ProblemRow)}
    samples = read_table(root / "sample" / "samples.parquet", SolutionRow)
    assert [row.verdict for row in samples] == ["correct", "wrong"] * (NUM_SAMPLES // 2 * NUM_PROBLEMS)
    for row in samples[:40]:
        assert task.verdict(problems[row.problem_id].problem, row.solution) == row.verdict
    assert [row.problem_id for row in samples[::NUM_SAMPLES]] == list(problems)
    examples = read_table(root / "compose" / "examples.parquet", Example)
    assert sum(example.is_pair for example in examples) == NUM_PROBLEMS == len(examples) / 2
    by_step = read_table(root / "compose_steps" / "examples.parquet", Example)
    # guessed values put many pits at steps that the accepted side has too
    assert sum(not example.rejected_complete for example in by_step) > NUM_PROBLEMS / 4


def test_the_stand_in_writes_the_worlds_words() -> None:
    trace = "p0 1 + 2 = 3 | 3 + 4\np0 3 + 4 = 6 | 6"
    texts = [variant(trace, i).text for i in range(4)]
    second = "p0 3 + 4 = 6 | "
    assert texts == [trace, trace[:-1] + "0", second + "6", second + "0"]
    guesses = [guess(Prompt("1 + 2\n", "p0 1\n"), i).text for i in range(50)]
    assert {text[-1] for text in guesses} == set("0123456")


def test_the_command_measures_a_process_of_its_own_and_writes_what_it_found(tmp_path: Path, capsys) -> None:
    assert scale.main(["--problems", "300", "--phases", "synthesize", "--out", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "scale.csv")
    assert table["phase"].tolist() == ["synthesize"] and table["num_rows"].tolist() == [600]
    assert 20 < table["peak_mib"][0] < LIMIT_MIB and table["rows_per_second"][0] > 0
    assert {path.name for path in tmp_path.iterdir()} == {"scale.csv", "scale.png", "scale.svg"}
    assert "synthesize" in capsys.readouterr().out


def test_the_peak_is_a_peak() -> None:
    before = peak_mib()
    block = b"x" * (int(before) + 64 << 20)
    held = peak_mib()
    del block
    assert peak_mib() == pytest.approx(held, abs=8)  # the kernel counts in batches
    assert held > before + 32


def test_rates() -> None:
    assert Measured("grade", 10, 40, 2.0, 100.0).rows_per_second == 20
