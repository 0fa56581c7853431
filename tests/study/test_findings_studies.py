"""Each study of the findings in miniature: its points, one update each, two sizes, and its figures from its records."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from synthscale_analysis.findings.contents import STUDIES

BIN = Path(sys.executable).parent
MINIATURE = [
    "logger=none",
    "data_size=8,12",
    "seed=1",
    "sampler.num_samples=8",
    "trainer.num_validation=4",
    "evaluation.num_test=16",
    "evaluation.num_sampled_problems=2",
    "algorithm.first.updates_per_problem=0.5",
    "algorithm.second.updates_per_problem=0.01",
]
SHIPPED = "task=precedence"  # whose base nobody has to wait for
STAR = ["task.num_arms=2", "task.arm_length=2", "task.num_nodes=12", "pretraining.num_updates=200"]
OTHERWISE = {
    "epsilon": [SHIPPED],
    "search_slow": [SHIPPED],
    "search_mix_slow": [SHIPPED],
    "eightfold_slow": [SHIPPED],
    "slope": [SHIPPED],
    "pairs": [SHIPPED, "task.zipf_exponent=1.0"],
    "sides": [SHIPPED, "task.zipf_exponent=1.0"],
    "spurious": ["task=precedence_lucky"],
    "star_graph": STAR,
    "star_graph_large": STAR,
    "search_star": STAR,
}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_runs_in_miniature_and_its_figures_come_from_its_records(study, tmp_path):
    run = [BIN / "synthscale", "run", f"study={study}", f"runs_dir={tmp_path}", *MINIATURE, *OTHERWISE.get(study, [])]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    records = pd.read_csv(tmp_path / study / "results.csv")
    assert set(records["data_size"]) == {8, 12}
    assert records["test_error"].between(0, 1).all()
    kept = tmp_path / "kept"
    for command in (
        ["synthscale_analysis.findings.keep", str(tmp_path / study), "--results", str(kept)],
        ["synthscale_analysis.findings", "--study", study, "--results", str(kept), "--bootstrap", "20"],
    ):
        done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (kept / study / "results.csv").read_bytes() == (tmp_path / study / "results.csv").read_bytes()
    assert list(kept.rglob("*.png")) or study.startswith("search")
