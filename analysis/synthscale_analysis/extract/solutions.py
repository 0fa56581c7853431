"""solutions.json: some problems with their samples, and what each method knows of them: values, pits, pairs.

A set is the samples of one data size and seed; its problems are chosen by a rule that looks at nothing but the share of
right samples. A view is what one method made of a set: methods that share their samples share the set, too. Everything
is cut to a length, so that the file stays below MAX_BYTES whatever the study.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthscale.credit.search import stripped
from synthscale.stage.rows import ContinuationRow, SolutionRow
from synthscale_analysis.extract.credited import CreditedProblem, Negative, Outcomes, credited_problems
from synthscale_analysis.extract.lineage import Lineage
from synthscale_analysis.extract.reading import Reading
from synthscale_analysis.extract.spurious import rows_of_problems

NUM_PROBLEMS = 24
MAX_SOLUTIONS = 12  # distinct ones of a problem
MAX_NEGATIVES = 8  # of those, the first distinct wrong ones: credit is assigned to no others
MAX_VIEWS = 12
MAX_FOUND = 2  # right solutions shown of those that rollouts found from one prefix
MAX_STEPS = 40
MAX_STEP_CHARACTERS, MAX_TEXT_CHARACTERS = 600, 2500
MAX_BYTES = 1_400_000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PointOfView:
    """A point whose solutions can be looked at."""

    lineage: Lineage
    data_size: int
    seed: str


def solutions_json(points: Sequence[PointOfView], reading: Reading) -> Json:
    """Sets and views of the points, as many as fit; `points` of the most telling size come first.

    Raises:
        ValueError: if a table that is needed is damaged.
    """
    sets: list[Json] = []
    views: list[Json] = []
    for of_samples in _by_samples(points).values():
        for num_problems in (NUM_PROBLEMS, NUM_PROBLEMS // 3, NUM_PROBLEMS // 8):
            one, of_set = _set_and_views(of_samples, reading, num_problems)
            if _size([*sets, one, *views, *of_set]) <= MAX_BYTES:
                sets.append(one)
                views += of_set
                break
    return {"sets": sets, "views": views}


def spread_over_share(problems: Sequence[CreditedProblem], num: int) -> list[CreditedProblem]:
    """So many problems at even distances in the order of their shares of right samples, the hardest first."""
    ranked = sorted(problems, key=lambda problem: problem.share_right)
    if len(ranked) <= num:
        return ranked
    return [ranked[int((i + 0.5) * len(ranked) / num)] for i in range(num)]


def _by_samples(points: Iterable[PointOfView]) -> dict[str, list[PointOfView]]:
    groups: dict[str, list[PointOfView]] = {}
    for point in points:
        groups.setdefault(point.lineage["sample"].key, []).append(point)
    return {key: group[:MAX_VIEWS] for key, group in groups.items()}


def _size(parts: Any) -> int:
    return len(json.dumps(parts, ensure_ascii=False).encode())


def _set_and_views(points: Sequence[PointOfView], reading: Reading, num: int) -> tuple[Json, list[Json]]:
    first = points[0]
    bare = {role: artifact for role, artifact in first.lineage.by_role.items() if role != "credit"}
    considered = list(credited_problems(Lineage(first.lineage.root, bare), reading))
    chosen = spread_over_share(considered, num)
    shown = {problem.row.problem_id: _shown(problem.samples) for problem in chosen}
    name = f"{first.lineage['sample'].key.partition('-')[2][:8]}"
    one = {
        "id": name,
        "data_size": first.data_size,
        "seed": first.seed,
        "num_considered": len(considered),
        "problems": [_problem(problem, shown[problem.row.problem_id], reading) for problem in chosen],
    }
    return one, [{"set": name, **_view(point, shown, reading)} for point in points]


def _shown(samples: Sequence[SolutionRow]) -> list[SolutionRow]:
    """The problem's distinct solutions that are shown: wrong ones first chosen, all in the order they were drawn."""
    distinct: dict[str, SolutionRow] = {}
    for row in samples:
        distinct.setdefault(row.solution, row)
    rows = list(distinct.values())
    wrong = [row for row in rows if row.verdict == "wrong"][:MAX_NEGATIVES]
    others = [row for row in rows if row.verdict != "wrong"] + [row for row in rows if row.verdict == "wrong"]
    rest = [row for row in others if row not in wrong][: max(0, MAX_SOLUTIONS - len(wrong))]
    return sorted([*wrong, *rest], key=lambda row: row.index)


def _problem(problem: CreditedProblem, shown: Sequence[SolutionRow], reading: Reading) -> Json:
    copies: dict[str, int] = {}
    for row in problem.samples:
        copies[row.solution] = copies.get(row.solution, 0) + 1
    return {
        "id": problem.row.problem_id,
        "text": _cut(problem.row.text, MAX_TEXT_CHARACTERS),
        "answer": _cut(problem.row.answer, MAX_STEP_CHARACTERS),
        "num_samples": len(problem.samples),
        "num_right": sum(row.correct for row in problem.samples),
        "num_distinct": len(copies),
        "solutions": [_solution(problem, row, copies[row.solution], reading) for row in shown],
    }


def _solution(problem: CreditedProblem, row: SolutionRow, copies: int, reading: Reading) -> Json:
    steps = reading.steps(row.solution)
    wrong = reading.wrong_steps(problem.row.problem, row.solution)
    return {
        "index": row.index,
        "verdict": row.verdict,
        "copies": copies,
        "steps": _cut_steps(steps),
        "wrong": None if wrong is None else [int(is_wrong) for is_wrong in wrong[:MAX_STEPS]],
    }


def _view(point: PointOfView, shown: Mapping[str, list[SolutionRow]], reading: Reading) -> Json:
    lineage = point.lineage
    rules = lineage.config("compose")
    rollouts = lineage.config("credit")
    mixture = rules.get("mixture", {})
    examples = lineage["compose"].file("examples.parquet") if "compose" in lineage else None
    trained: dict[str, list[Json]] = {}
    for example in rows_of_problems(examples, shown) if examples is not None else ():
        trained.setdefault(example["problem_id"], []).append(example)
    return {
        "artifact": lineage.root,
        "data_size": point.data_size,
        "seed": point.seed,
        "has_credit": "credit" in lineage,
        "has_examples": examples is not None,
        "num_rollouts": rollouts.get("num_rollouts"),
        "max_rollouts": rollouts.get("max_rollouts"),
        "confidence": rollouts.get("confidence"),
        "pit_rule": rules.get("pit_rule"),
        "best_of": rules.get("best_of"),
        "pair_shape": mixture.get("pair_shape"),
        "chosen_from": mixture.get("chosen_from"),
        "negative_fraction": mixture.get("negative_fraction"),
        "problems": {
            problem.row.problem_id: _of_problem(
                problem, shown[problem.row.problem_id], trained.get(problem.row.problem_id, []), reading
            )
            for problem in credited_problems(lineage, reading)
            if problem.row.problem_id in shown
        },
    }


def _of_problem(
    problem: CreditedProblem, shown: Sequence[SolutionRow], trained: Sequence[Json], reading: Reading
) -> Json:
    """What the view knows of the problem's shown solutions, by their index; `pairs` that it trained on."""
    known = problem.known_values()
    negatives = {negative.row.index: negative for negative in problem.negatives}
    positives = {example["chosen"] for example in trained if example["rejected"] is None}
    pairs = [example for example in trained if example["rejected"] is not None]
    solutions = {}
    for row in shown:
        steps = reading.steps(row.solution)
        of_solution: Json = _values(steps, negatives.get(row.index), known)
        if row.solution in positives:
            of_solution["imitated"] = 1
        rejected = {row.solution, *("".join(steps[:i]) for i in [of_solution.get("pit")] if i)}
        own = [i for i, pair in enumerate(pairs) if row.verdict == "wrong" and pair["rejected"] in rejected]
        if own:
            of_solution["pairs"] = own
        found = _found(row, steps, problem.continuations)
        if found:
            of_solution["found"] = found
        solutions[str(row.index)] = of_solution
    return {"solutions": solutions, "pairs": [_pair(pair, reading) for pair in pairs]}


def _values(steps: Sequence[str], negative: Negative | None, known: Mapping[tuple[str, ...], Outcomes]) -> Json:
    """`outcomes`: right and all continuations known of each prefix, null where none; of a negative, its pit, too."""
    if negative is None:
        outcomes = [known.get(stripped(steps[:i])) for i in range(min(len(steps), MAX_STEPS))]
        return {"outcomes": [_pair_of(one) for one in outcomes]} if any(outcomes[1:]) else {}
    found: Json = {"outcomes": [_pair_of(one) for one in negative.outcomes[:MAX_STEPS]]}
    if negative.pit is not None:
        found["pit"] = negative.pit
    if negative.chance is not None:
        found["chance"] = round(negative.chance, 3)
        found["rollouts"] = negative.num_rollouts[:MAX_STEPS]
    return found


def _pair_of(outcomes: Outcomes | None) -> list[int] | None:
    return [outcomes.num_right, outcomes.num] if outcomes is not None and outcomes.num else None


def _found(row: SolutionRow, steps: Sequence[str], continuations: Iterable[ContinuationRow]) -> Json:
    """How rollouts went on to a right end, by the number of steps before: how many ways, and the first of them."""
    ways: dict[int, list[str]] = {}
    for found in continuations:
        if found.index == row.index:
            ways.setdefault(found.step, []).append(found.solution)
    return {
        str(step): {"num": len(texts), "texts": [_rest(text, steps[:step]) for text in texts[:MAX_FOUND]]}
        for step, texts in ways.items()
    }


def _rest(text: str, prefix: Sequence[str]) -> str:
    return _cut(text.removeprefix("".join(prefix)), MAX_STEP_CHARACTERS)


def _pair(example: Json, reading: Reading) -> Json:
    return {
        "chosen": _cut_steps(reading.steps(example["chosen"])),
        "rejected": _cut_steps(reading.steps(example["rejected"])),
        "complete": int(example["rejected_complete"]),
        "divergence_only": int(example["divergence_only"]),
    }


def _cut_steps(steps: Sequence[str]) -> list[str]:
    kept = [_cut(step.strip(), MAX_STEP_CHARACTERS) for step in steps[:MAX_STEPS]]
    return kept if len(steps) <= MAX_STEPS else [*kept, f"… ({len(steps) - MAX_STEPS:,} more steps)"]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"
