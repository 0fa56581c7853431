"""Every algorithm end to end in miniature: real training, real samples, real rollouts, from the shipped base."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from synthscale.mixture.example import STEP_COLUMNS, Example
from synthscale.problem import PrecedenceTask, Split
from synthscale.stage.rows import ContinuationRow, PitRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.study.recipe import Point, build_point
from synthscale.study.store import ArtifactStore, open_store
from synthscale.table import read_table

ALGORITHMS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "algorithm").glob("*.yaml"))
MINIATURE = (
    "data_size=8",
    "trainer.num_validation=8",
    "trainer.device=cpu",
    "evaluation.num_test=16",
    "evaluation.num_sampled_problems=4",
    "algorithm.first.updates_per_problem=0.25",
    "logger=none",
)
TABLES = {
    "problems.parquet": ProblemRow,
    "traces.parquet": SolutionRow,
    "samples.parquet": SolutionRow,
    "prefix_values.parquet": PrefixValueRow,
    "continuations.parquet": ContinuationRow,
    "pits.parquet": PitRow,
    "examples.parquet": Example,
    "greedy.parquet": SolutionRow,
    "sampled.parquet": SolutionRow,
}
MEASURES = {
    "synthesize": {"num_problems", "num_traces", "num_rejected_traces"},
    "finetune": {"num_updates", "num_train_tokens", "train_seconds", "device", "final_train_loss"}
    | {"final_validation_loss", "final_validation_accuracy"},
    "sample": {"num_samples", "num_correct", "num_problems_solved", "num_sampled_tokens", "sample_seconds", "device"},
    "credit": {"num_negatives", "num_prefixes", "num_rollouts", "num_sampled_tokens", "sample_seconds", "device"},
    "compose": {"num_train_positives", "num_train_pairs"},
    "evaluate": {"num_test", "test_accuracy", "test_accuracy_low", "test_accuracy_high", "wrong_step_share"}
    | {"wrong_decision_share", "wrong_execution_share"}
    | {f"{metric}_at_{k}" for metric in ("pass", "maj") for k in (1, 4, 16)},
}


def is_time(name: str) -> bool:
    return name.endswith("_seconds")


def without_times(measures) -> dict:
    return {name: value for name, value in measures.items() if not is_time(name)}


@pytest.fixture(scope="module")
def store(tmp_path_factory, base_folder) -> ArtifactStore:
    """One store for all the points of this file, so that they share what they can."""
    return open_store(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def point_of(compose_run):
    """The miniature point of an algorithm."""

    def make(algorithm: str, *more: str) -> Point:
        second = [] if algorithm == "sft" else ["algorithm.second.updates_per_problem=0.25"]
        return build_point(compose_run(f"algorithm={algorithm}", *MINIATURE, *second, *more))

    return make


def artifacts(store: ArtifactStore, point: Point) -> dict:
    """The point's artifacts by role, made where they are missing."""
    store.make(point.root)
    return {role: store.find(node) for role, node in point.nodes.items()}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_all_stages_run_and_say_what_they_measured(store, point_of, algorithm):
    point = point_of(algorithm)
    made = artifacts(store, point)
    assert None not in made.values()
    for role, artifact in made.items():
        stage = point.nodes[role].stage
        assert MEASURES.get(stage, set()) <= set(artifact.measures), role
        for value in artifact.measures.values():
            assert value is None or isinstance(value, str) or math.isfinite(value)
    assert [point.nodes[role].stage for role in made if role != "pretrain"] == point.config.recipe


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tables_are_typed_and_come_back_as_rows(store, point_of, algorithm):
    types = {"str": "string", "int": "int64", "bool": "bool", "float": "double"}
    types |= {"tuple[int, ...]": "list<element: int64>", "tuple[float, ...]": "list<element: double>"}
    seen = set()
    for artifact in artifacts(store, point_of(algorithm)).values():
        for path in artifact.folder.glob("*.parquet"):
            row_type = TABLES[path.name]
            columns = {field.name: str(field.type) for field in pq.read_schema(path)}
            is_weighed = algorithm == "advantage_weighted"
            without = STEP_COLUMNS if row_type is Example and not is_weighed else ()
            fields = [field for name, field in row_type.__dataclass_fields__.items() if name not in without]
            assert columns == {field.name: types[field.type.removesuffix(" | None")] for field in fields}
            assert len(read_table(path, row_type)) == pq.read_metadata(path).num_rows > 0
            seen.add(path.name)
    assert seen >= {"problems.parquet", "traces.parquet", "greedy.parquet", "sampled.parquet"}


def test_updates_of_every_arm_stand_in_the_measures(store, point_of):
    def num_updates(algorithm: str) -> list[int]:
        made = artifacts(store, point_of(algorithm))
        return [made[role].measures["num_updates"] for role in ("sft", "policy") if role in made]

    assert num_updates("sft") == [2]
    assert num_updates("sft_matched") == [4]
    for algorithm in ("rft", "dpo", "step_dpo", "step_mix"):
        assert num_updates(algorithm) == [2, 2]


def test_advantage_weighted_training_is_on_right_and_wrong_samples_with_their_steps_weights(store, point_of):
    made = artifacts(store, point_of("advantage_weighted"))
    examples = read_table(made["compose"].folder / "examples.parquet", Example)
    samples = read_table(made["sample"].folder / "samples.parquet", SolutionRow)
    verdicts = {(row.problem_id, row.solution): row.verdict for row in samples}
    assert {verdicts[e.problem_id, e.chosen] for e in examples} == {"correct", "wrong"}
    assert len(examples) == sum(row.verdict in ("correct", "wrong") for row in samples)
    for example in examples:
        steps = example.chosen.splitlines(keepends=True)
        assert example.step_ends == tuple(sum(map(len, steps[: i + 1])) for i in range(len(steps)))
        drawn = [row.correct for row in samples if row.problem_id == example.problem_id]
        reward = verdicts[example.problem_id, example.chosen] == "correct"
        assert sum(example.advantages) == pytest.approx(reward - sum(drawn) / len(drawn))
        assert len(example.advantages) == len(steps)
    assert "final_train_weighted_loss" in made["policy"].measures
    assert "final_train_sft_loss" not in made["policy"].measures


def test_filtered_positives_say_what_was_dropped(store, point_of):
    measures = artifacts(store, point_of("rft_filtered"))["compose"].measures
    assert 0 <= measures["num_accepted_dropped"] < measures["num_accepted_judged"]
    assert {"filter_precision", "filter_recall"} <= set(measures)


@pytest.mark.parametrize("algorithm", ["dpo", "step_dpo", "step_mix"])
def test_references_are_the_sft_policys_and_kept_with_the_artifact(store, point_of, algorithm):
    from synthscale.policy.config import PolicyConfig
    from synthscale.policy.policy import load_policy
    from synthscale.policy.prompter import Prompter
    from synthscale.training.encoding import Encoder
    from synthscale.training.references import reference_logprobs

    made = artifacts(store, point_of(algorithm))
    examples = [e for e in read_table(made["compose"].folder / "examples.parquet", Example) if e.is_pair]
    kept = load_file(made["policy"].folder / "reference_logprobs.safetensors")["logprobs"]
    assert len(kept) == len(examples) == made["compose"].measures["num_train_pairs"] > 0
    model, tokenizer = load_policy(made["sft"].folder / "model")
    encoded = [
        Encoder(Prompter(tokenizer, PolicyConfig()), eos_after_prefix=False).encode(example) for example in examples
    ]
    assert kept.sub(reference_logprobs(model, encoded, tokenizer.pad_token_id, 7)).abs().max() < 1e-3


@pytest.mark.parametrize("algorithm", ["dpo", "step_dpo"])
def test_pure_preference_learning_from_the_reference_starts_at_log_2(store, point_of, algorithm):
    rows = list(csv.DictReader((artifacts(store, point_of(algorithm))["policy"].folder / "curves.csv").open()))
    assert float(rows[0]["train_dpo_loss"]) == pytest.approx(math.log(2), abs=1e-4)
    assert any(row["validation_accuracy"] for row in rows)


def test_nothing_but_evaluate_sees_test_problems(store, point_of):
    point = point_of("step_mix")
    made = artifacts(store, point)
    task = PrecedenceTask(point.config.task)
    test_problems = task.problems(Split.TEST, task.config.max_test // 4, seed=0)
    test_ids = {problem.problem_id for problem in test_problems}
    for role, artifact in made.items():
        for path in artifact.folder.glob("*.parquet"):
            ids = {row.problem_id for row in read_table(path, TABLES[path.name])}
            assert (ids <= test_ids) if role == "evaluate" else not ids & test_ids, path


def test_a_search_measures_on_validation_problems_and_keeps_the_policy(store, point_of):
    test, search = (point_of("sft", *more) for more in ((), ("evaluation.problems=validation",)))
    assert search.nodes["sft"].key == test.nodes["sft"].key
    made = artifacts(store, search)["evaluate"]
    ids = {row.problem_id for row in read_table(made.folder / "greedy.parquet", SolutionRow)}
    problems = PrecedenceTask(search.config.task).problems(Split.VALIDATION, 16)
    assert ids == {problem.problem_id for problem in problems}


def test_the_figures_are_those_of_the_tables(store, point_of):
    point = point_of("sft")
    evaluate = artifacts(store, point)["evaluate"]
    greedy = read_table(evaluate.folder / "greedy.parquet", SolutionRow)
    sampled = read_table(evaluate.folder / "sampled.parquet", SolutionRow)
    assert len(greedy) == evaluate.measures["num_test"] == 16
    assert evaluate.measures["test_accuracy"] == sum(row.correct for row in greedy) / 16
    assert len(sampled) == 4 * 16
    assert evaluate.measures["pass_at_1"] == pytest.approx(sum(row.correct for row in sampled) / 64)
    task = PrecedenceTask(point.config.task)
    by_id = {problem.problem_id: problem for problem in task.problems(Split.TEST, 16)}
    for row in greedy:
        verdict = task.verdict(by_id[row.problem_id], row.solution)
        assert row.verdict in (verdict, "unparseable")


def test_the_same_point_in_another_store_is_the_same_to_the_last_bit(store, point_of, tmp_path):
    point = point_of("step_mix")
    here, there = artifacts(store, point), artifacts(open_store(tmp_path), point)
    for role in here:
        if role == "pretrain":  # the shipped one
            continue
        assert without_times(here[role].measures) == without_times(there[role].measures)
        files = [path.relative_to(here[role].folder) for path in here[role].folder.rglob("*") if path.is_file()]
        assert here[role].folder != there[role].folder and len(files) > 1
        for path in files:
            first, second = (made[role].folder / path for made in (here, there))
            if path.suffix == ".parquet":
                assert pq.read_table(first).equals(pq.read_table(second)), path
            elif path.name == "manifest.json":
                texts = [json.loads(file.read_text()) for file in (first, second)]
                assert texts[0]["config"] == texts[1]["config"] and texts[0]["inputs"] == texts[1]["inputs"]
            else:
                assert first.read_bytes() == second.read_bytes(), path


def test_another_seed_is_another_point(store, point_of):
    one, two = (artifacts(store, point_of("sft", f"seed={seed}")) for seed in (0, 1))
    problems = [read_table(made["synthesize"].folder / "problems.parquet", ProblemRow) for made in (one, two)]
    assert problems[0] != problems[1]


def test_a_bigger_data_set_holds_the_smaller_one(store, point_of):
    small, big = (artifacts(store, point_of("sft", f"data_size={size}"))["synthesize"] for size in (8, 16))
    for name, row_type in (("problems.parquet", ProblemRow), ("traces.parquet", SolutionRow)):
        rows = [read_table(artifact.folder / name, row_type) for artifact in (small, big)]
        assert rows[1][: len(rows[0])] == rows[0] and len(rows[1]) == 2 * len(rows[0])


def test_gsm8k_with_a_model_of_its_own(compose_run, tmp_path, gsm8k_folder, small_llama):
    """Real problems, a Llama that transformers loads, and the verifier as the judge."""
    run = compose_run(
        *MINIATURE,
        "task=gsm8k",
        f"task.source={gsm8k_folder}",
        "task.num_validation=8",
        f"model.path={small_llama}",
        "evaluation.num_test=8",
        "sampler.max_new_tokens=16",
        f"runs_dir={tmp_path}",
    )
    point = build_point(run)
    store = open_store(str(tmp_path), 60)
    artifacts = {role: store.make(node) for role, node in point.nodes.items()}
    traces = read_table(artifacts["synthesize"].folder / "traces.parquet", SolutionRow)
    assert len(traces) == 8 and all(trace.correct and "####" in trace.solution for trace in traces)
    measures = artifacts["evaluate"].measures
    assert measures["num_test"] == 8 and 0 <= measures["test_accuracy"] <= 1
    assert measures["wrong_step_share"] is None
    assert measures["wrong_decision_share"] is None and measures["wrong_execution_share"] is None
