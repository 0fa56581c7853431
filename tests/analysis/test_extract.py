"""Tables from artifacts, against numbers worked out by hand; what is damaged, gone, or kept from an earlier report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fabricated_study import EARLY, HOME, LATE, LUCKY, RIGHT, fabricate, key_of
from synthscale.problem import Problem, StepTruth
from synthscale.stage.rows import PrefixValueRow, SolutionRow
from synthscale_analysis.extract.credit_values import AFTER_WRONG, COLUMNS, FIRST_WRONG, RIGHT_SO_FAR
from synthscale_analysis.extract.credited import CreditedProblem, _negatives, credited_problems
from synthscale_analysis.extract.extraction import extract_tables, points_here
from synthscale_analysis.extract.lineage import Artifacts
from synthscale_analysis.extract.provenance import without_paths
from synthscale_analysis.extract.reading import Reading, reading_of
from synthscale_analysis.extract.solutions import MAX_STEP_CHARACTERS, NUM_PROBLEMS, spread_over_share
from synthscale_analysis.extract.stage_seconds import SHARED
from synthscale_analysis.extract.tables import read_json, read_table
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.credit import credit_cells
from synthscale_analysis.numbers.spurious import spurious_table
from synthscale_analysis.numbers.training import phases_of
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in

NUM_PROBLEMS_MADE = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose tables have been extracted; not to be changed."""
    study = fabricate(tmp_path_factory.mktemp("made"), NUM_PROBLEMS_MADE)
    assert extract_tables(material_of(study)) == []
    return study


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of a test's own, without tables."""
    return fabricate(tmp_path, NUM_PROBLEMS_MADE)


def material_of(study: Path) -> Material:
    (part,) = studies_in(read_records(study), study / "report")
    return Material(part, study)


def statistic(study: Path, algorithm: str, name: str) -> dict[tuple[str, float], tuple[float, int]]:
    table = pd.read_csv(study / "report" / "credit.csv", keep_default_na=False)
    rows = table[(table["algorithm"] == algorithm) & (table["statistic"] == name)]
    return {
        (str(group), float(place)): (float(value), int(count))
        for group, place, value, count in zip(rows["group"], rows["place"], rows["value"], rows["count"], strict=True)
    }


def test_a_point_leads_to_its_artifacts_by_role(study: Path) -> None:
    artifacts = Artifacts(study.parent / "artifacts")
    lineage = artifacts.lineage(key_of("evaluate", "step_dpo"))
    assert lineage is not None
    assert {role: artifact.key.partition("-")[0] for role, artifact in lineage.by_role.items()} == {
        "evaluate": "evaluate",
        "policy": "finetune",
        "compose": "compose",
        "data": "synthesize",
        "credit": "credit",
        "sample": "sample",
        "sft": "finetune",
    }
    assert list(lineage.phases) == ["sft", "policy"]
    assert artifacts.lineage("evaluate-none") is None and artifacts.find("../study") is None


def test_exhaustive_credit_is_what_a_hand_finds(made: Path) -> None:
    n = NUM_PROBLEMS_MADE
    assert statistic(made, "step_dpo", "pit_step") == {("", 1.0): (0.5, n), ("", 3.0): (0.5, n)}
    around = statistic(made, "step_dpo", "from_pit")
    assert around["", -1.0] == (pytest.approx((0.25 + 0.4) / 2), 2 * n)
    assert around["", -2.0] == (0.75, n) and around["", 0.0] == (0.0, 2 * n)
    assert statistic(made, "step_dpo", "by_step")["3", 1.0] == (0.75, n)
    assert statistic(made, "step_dpo", "by_truth") == {
        (RIGHT_SO_FAR, 0.0): (pytest.approx((0.35 - 0.5) / 2), 2 * n),
        (FIRST_WRONG, 0.0): (pytest.approx((-0.25 - 0.4) / 2), 2 * n),
        (AFTER_WRONG, 0.0): (0.0, 2 * n),
    }
    assert statistic(made, "step_dpo", "pit_from_wrong") == {("", 0.0): (1.0, 2 * n)}
    assert statistic(made, "step_dpo", "rollouts_at_step") == {("", step): (4.0, 2 * n) for step in (1.0, 2.0)}
    assert not statistic(made, "step_dpo", "pit_chance") and not statistic(made, "dpo", "by_step")


def test_an_adaptive_search_counts_samples_that_began_alike_and_leaves_out_what_it_did_not_ask(made: Path) -> None:
    n = NUM_PROBLEMS_MADE
    assert statistic(made, "step_mix", "pit_step") == {("", 3.0): (1.0, n)}, "nothing right was seen before the other"
    late = statistic(made, "step_mix", "from_pit")
    assert late["", -1.0] == (pytest.approx(2 / 3, abs=1e-4), n), "one of two rollouts, and the right sample"
    assert late["", -2.0] == (1.0, n), "no rollout, but the right sample"
    assert statistic(made, "step_mix", "pit_chance") == {("", 0.6): (0.5, n), ("", 0.8): (0.5, n)}
    assert statistic(made, "step_mix", "rollouts_at_step") == {("", step): (1.0, 2 * n) for step in (1.0, 2.0)}


def test_spurious_steps_of_accepted_solutions(made: Path) -> None:
    n = NUM_PROBLEMS_MADE
    table = pd.read_csv(made / "report" / "spurious.csv").set_index(["algorithm", "source"])
    samples = table.loc[("step_dpo", "samples")]
    assert (samples["num_solutions"], samples["num_judged"], samples["num_with_wrong_step"]) == (2 * n, 2 * n, n)
    assert (samples["num_valued_steps"], samples["num_useless_steps"], samples["num_harmful_steps"]) == (
        6 * n,
        3 * n,
        2 * n,
    )
    assert (
        table.loc[("rft", "positives")]["num_with_wrong_step"] == n
        and table.loc[("rft", "positives")]["num_valued_steps"] == 0
    )
    assert table.loc[("dpo", "chosen")]["num_solutions"] == 2 * n
    assert table.loc[("step_mix", "positives")]["num_with_wrong_step"] == 0
    assert "sft" not in table.index.get_level_values("algorithm")


def test_curves_are_thinned_and_shared_ones_stand_once(made: Path) -> None:
    table = pd.read_csv(made / "report" / "training.csv")
    first = table[table["phase"] == "sft"]
    assert set(first["algorithm"]) == {SHARED} and len(first) <= 41
    assert first["train_loss"].iloc[0] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3, rel=1e-3), "three updates a row"
    assert first["validation_accuracy"].dropna().tolist() == [0.5] and first["update"].iloc[-1] == 100
    last = table[table["phase"] == "policy"]
    assert sorted(set(last["algorithm"])) == ["dpo", "rft", "step_dpo", "step_mix"]
    assert (last.groupby("algorithm").size() == 7).all()


def test_solutions_carry_values_pits_and_pairs(made: Path) -> None:
    content = read_json(material_of(made), "solutions.json")
    assert content is not None
    (one,) = content["sets"]
    views = {view["artifact"]: view for view in content["views"]}
    assert set(views) == {key_of("evaluate", name) for name in ("rft", "dpo", "step_dpo", "step_mix")}
    problem = one["problems"][0]
    assert [solution["wrong"] for solution in problem["solutions"]][:4] == [[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]]
    exhaustive = views[key_of("evaluate", "step_dpo")]["problems"][problem["id"]]
    known = exhaustive["solutions"]
    assert known[str(LATE)]["outcomes"] == [[2, 5], [3, 4], [1, 4]] and known[str(LATE)]["pit"] == 3
    assert known[str(RIGHT)]["outcomes"] == [[2, 5], [3, 4], [1, 4]], "it begins like the late one"
    assert known[str(LATE)]["pairs"] == [0] and known[str(EARLY)]["pairs"] == [1]
    assert known[str(LATE)]["found"]["2"]["num"] == 1
    assert exhaustive["pairs"][1]["rejected"] == problem["solutions"][EARLY]["steps"][:1]
    adaptive = views[key_of("evaluate", "step_mix")]["problems"][problem["id"]]["solutions"]
    assert adaptive[str(LATE)]["chance"] == 0.8 and adaptive[str(LATE)]["rollouts"] == [0, 0, 2]
    assert "pit" not in adaptive[str(EARLY)] and adaptive[str(EARLY)]["outcomes"] == [[2, 5], [1, 3], [1, 1]]
    whole = views[key_of("evaluate", "dpo")]["problems"][problem["id"]]["solutions"]
    assert whole[str(LATE)] == {"pairs": [0]} and whole[str(EARLY)] == {"pairs": [1]}
    imitated = views[key_of("evaluate", "rft")]["problems"][problem["id"]]["solutions"]
    assert [index for index, of in imitated.items() if of.get("imitated")] == [str(RIGHT), str(LUCKY)]


def test_problems_to_look_at_are_spread_over_the_share_of_right_samples(study: Path) -> None:
    (point, *_) = [one for one in points_here(material_of(study))[0] if one.algorithm == "rft"]
    one = next(credited_problems(point.lineage, reading_of(point.lineage["sample"].config["task"])))
    shares = [share / 100 for share in range(100)]
    problems = [_with_share(one, share) for share in reversed(shares)]
    chosen = [problem.share_right for problem in spread_over_share(problems, 4)]
    assert chosen == [0.12, 0.37, 0.62, 0.87]
    assert len(spread_over_share(problems[:3], NUM_PROBLEMS)) == 3


def _with_share(problem: CreditedProblem, share: float) -> CreditedProblem:
    right, wrong = problem.samples[RIGHT], problem.samples[LATE]
    num = round(100 * share)
    return CreditedProblem(problem.row, [right] * num + [wrong] * (100 - num), [], [])


def test_long_texts_are_cut_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fabricated_study.PLANTED", "long " * 1000)
    study = fabricate(tmp_path, 3)
    extract_tables(material_of(study))
    content = json.loads((study / "report" / "solutions.json").read_text())
    step = content["sets"][0]["problems"][0]["solutions"][-1]["steps"][0]
    assert step.endswith("more characters)") and len(step) < MAX_STEP_CHARACTERS + 40


@pytest.mark.parametrize(
    ("artifact", "file"),
    [
        (("credit", "step_dpo"), "prefix_values.parquet"),
        (("sample", "sample"), "samples.parquet"),
        (("compose", "rft"), "examples.parquet"),
        (("finetune", "rft"), "curves.csv"),
    ],
)
def test_a_file_cut_short_costs_its_own_rows_alone(study: Path, artifact: tuple[str, str], file: str) -> None:
    path = study.parent / "artifacts" / key_of(*artifact) / file
    path.write_bytes(path.read_bytes()[:-7])
    extract_tables(material_of(study))
    content = read_json(material_of(study), "provenance.json")
    assert content is not None and len(content["settings"]) > 5
    assert read_table(material_of(study), "training.csv") is not None


def test_a_damaged_table_of_the_right_size_leaves_a_note(study: Path) -> None:
    path = study.parent / "artifacts" / key_of("credit", "step_dpo") / "prefix_values.parquet"
    path.write_bytes(b"\0" * path.stat().st_size)
    notes = extract_tables(material_of(study))
    assert any("prefix_values.parquet" in note for note in notes)
    table = read_table(material_of(study), "credit.csv")
    assert table is not None and set(table["algorithm"]) == {"step_mix"}
    content = read_json(material_of(study), "provenance.json")
    assert content is not None and content["notes"] == notes


def test_a_half_written_manifest_counts_as_absent(study: Path) -> None:
    (study.parent / "artifacts" / key_of("compose", "step_dpo") / "manifest.json").write_text('{"stage": "comp')
    extract_tables(material_of(study))
    table = read_table(material_of(study), "credit.csv")
    assert table is not None and set(table["algorithm"]) == {"step_mix"}


def test_points_that_are_one_artifact_are_read_once_and_shown_in_each_of_their_curves(study: Path) -> None:
    records = pd.read_csv(study / "results.csv")
    twin = records[records["algorithm"] == "step_dpo"].assign(algorithm="mine")
    pd.concat([records, twin]).to_csv(study / "results.csv", index=False)
    material = material_of(study)
    assert extract_tables(material) == []
    for name in ("credit.csv", "spurious.csv", "training.csv"):
        table = pd.read_csv(study / "report" / name)
        assert not table.duplicated().any() and "mine" not in set(table["algorithm"])
    shown = spurious_table(material)
    mine, twins = (
        shown[shown["algorithm"] == name].drop(columns=["label", "algorithm"]) for name in ("mine", "step_dpo")
    )
    assert len(mine) and mine.to_numpy().tolist() == twins.to_numpy().tolist()
    assert {cell.curve.algorithm for cell in credit_cells(material)} == {"step_dpo", "mine", "step_mix"}
    (first, last) = phases_of(material)
    assert [curve.algorithm for curve in first.curves] == [SHARED]
    assert {curve.algorithm for curve in last.curves} == {"dpo", "rft", "step_dpo", "step_mix", "mine"}


def test_rows_outlive_their_artifacts(study: Path) -> None:
    extract_tables(material_of(study))
    before = (study / "report" / "credit.csv").read_text()
    shutil.rmtree(study.parent / "artifacts" / key_of("credit", "step_dpo"))
    extract_tables(material_of(study))
    after = read_table(material_of(study), "credit.csv")
    assert after is not None and set(after["algorithm"]) == {"step_dpo", "step_mix"}
    assert sorted((study / "report" / "credit.csv").read_text().splitlines()) == sorted(before.splitlines())
    shutil.rmtree(study.parent / "artifacts")
    assert extract_tables(material_of(study)) == []
    assert read_table(material_of(study), "credit.csv") is not None


def test_tables_beside_the_records_do_without_artifacts(study: Path, tmp_path: Path) -> None:
    extract_tables(material_of(study))
    results = tmp_path / "elsewhere" / "results"
    shutil.copytree(study / "report", results)
    shutil.copy(study / "results.csv", results)
    material = material_of(results)
    assert extract_tables(material) == []
    for name in ("credit.csv", "spurious.csv", "training.csv"):
        assert read_table(material, name) is not None
    assert read_json(material, "solutions.json") is not None and read_json(material, "provenance.json") is not None


def test_what_has_not_changed_is_not_read_again(study: Path) -> None:
    extract_tables(material_of(study))
    path = study / "report" / "credit.csv"
    first = path.stat().st_mtime_ns
    extract_tables(material_of(study))
    assert path.stat().st_mtime_ns == first


def test_rows_of_points_that_left_the_records_are_not_shown(made: Path) -> None:
    material = material_of(made)
    table = read_table(material, "credit.csv")
    assert table is not None and set(table.columns) == set(COLUMNS)
    rest = material.records[material.records["algorithm"] != "step_dpo"]
    material = Material(replace(material.study, records=rest), made)
    left = read_table(material, "credit.csv")
    assert left is not None and set(left["algorithm"]) == {"step_mix"}


def test_provenance_tells_settings_and_failures_and_nothing_of_the_machine(made: Path) -> None:
    text = (made / "report" / "provenance.json").read_text()
    content = json.loads(text)
    assert HOME not in text and str(made) not in text
    assert content["settings"]["compose.mixture.pair_shape"]["DPO"] == "solution"
    assert content["settings"]["task.operators_per_problem"] == dict.fromkeys(
        content["settings"]["sft.learning_rate"], "3"
    )
    assert content["git_commits"] == {"c" * 40: len(list((made.parent / "artifacts").iterdir()))}
    assert (content["num_points"], content["num_unfinished"]) == (6, 1)
    (failed,) = content["unfinished"]
    assert failed["state"] == "failed" and failed["reason"] == "RuntimeError: cannot read …/weights.bin"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("no file /a/b/c.txt, sorry", "no file …/c.txt, sorry"),
        ("'~/runs/x' and C:\\Users\\me\\x", "'…/x' and …/x"),
        ("3/4 of https://host/page", "3/4 of https://host/page"),
        ("x" * 400, "x" * 300 + "…"),
    ],
)
def test_paths_are_left_out(text: str, bare: str) -> None:
    assert without_paths(text) == bare


def test_a_data_set_is_cut_into_steps_without_its_files_and_nobody_knows_their_truth() -> None:
    reading = reading_of({"name": "gsm8k", "source": "/gone", "step_boundary": "line_or_sentence"})
    problem = Problem("1 + 1?", "2")
    assert reading.steps("First. Then 2.") == ["First.", " Then 2."]
    assert reading.wrong_steps(problem, "First. Then 2.") is None
    assert reading_of({"name": "precedence", "no_such_key": 1}).steps("a\nb") == ["a\n", "b"]


def test_the_pit_of_perfect_credit_is_the_first_wrong_step_whatever_the_values() -> None:
    def truths(problem: Problem, steps: list[str]) -> list[StepTruth]:
        return [StepTruth.RIGHT if "ok" in step else StepTruth.WRONG_DECISION for step in steps]

    reading = Reading(lambda solution: solution.splitlines(keepends=True), truths)
    samples = [SolutionRow("p", 0, "ok\nbad\nbad", "wrong")]
    values = [PrefixValueRow("p", 0, step, 4, 4 - step) for step in range(3)]  # Q falls most with the last step
    pits = [
        [one.pit for one in _negatives(reading, Problem("1", "2"), samples, values, None, {"pit_rule": rule})]
        for rule in ("first_wrong", "largest_drop", "lowest_value")
    ]
    assert pits == [[2], [3], [3]]


def test_a_report_imports_no_training_library() -> None:
    heavy = ["torch", "lightning", "transformers"]
    code = f"import sys, synthscale_analysis.report.command; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_here_and_damaged_is_named_and_the_rest_is_read(study: Path) -> None:
    artifacts = study.parent / "artifacts"
    samples = next(artifacts.glob("sample-*/samples.parquet"))
    samples.write_bytes(samples.read_bytes()[:40])
    gone = key_of("evaluate", "dpo")
    (artifacts / gone / "manifest.json").write_text("{")
    notes = extract_tables(material_of(study))
    assert any(f"{samples.parent.name}/samples.parquet cannot be read or is cut short" in note for note in notes)
    assert any(f"{gone}/manifest.json" in note for note in notes)
