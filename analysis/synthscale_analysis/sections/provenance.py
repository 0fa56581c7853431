"""How the study was made: settings, versions, commits, seeds, devices, costs, and what did not finish."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from synthscale_analysis.curves import LABELS
from synthscale_analysis.extract.stage_seconds import SHARED, STAGES
from synthscale_analysis.extract.tables import NO_ARTIFACTS, PROVENANCE, read_json, read_plain
from synthscale_analysis.figures.seconds import NAME as SECONDS
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.wording import duration
from synthscale_analysis.page.section import Block, DataTable, Points, Section

ANCHOR, TITLE = "provenance", "How it was made"
_COST_COLUMNS = {
    "num_updates": "updates",
    "num_train_tokens": "tokens trained on",
    "num_sampled_tokens": "tokens sampled",
    "num_rollouts": "rollouts",
}
_DIFFER = (
    "Settings in which the methods differ; a dash stands for a stage that a method does not have. “By size” "
    "gives a value for each data size, from the smallest."
)
_COMMON = "Settings that all methods with the stage share."
_COST = (
    "Sums over each method's points. What several methods share, as the samples of one SFT policy, counts for "
    "each of them; seconds are those of training and sampling."
)
_SECONDS = (
    "Seconds by stage, each artifact once: under the method that alone needed it, else as shared. Those of all "
    "processes are added up; of a stage that was interrupted, those since its last start."
)
_UNFINISHED = "Points without a record, with the stage that they wait for or that failed."
_SHORT_COMMIT = 12
MAX_LISTED, MAX_UNFOLDED = 40, 12


def section(material: Material) -> Section | str:
    """Always there: the records alone tell sizes, seeds, devices and costs."""
    content = read_json(material, PROVENANCE)
    facts = [*_of_records(material.records), *(_of_content(content) if content else [])]
    if content is None:
        facts.append(f"Settings and versions are not known: {NO_ARTIFACTS}.")
    blocks: list[Block] = [Points(facts), _costs(material)]
    blocks += _seconds(material)
    if content is not None:
        blocks += _unfinished(content)
        blocks += _settings(content.get("settings") or {}, [curve.label for curve in material.curves])
    return Section(ANCHOR, TITLE, _lead(content), blocks)


def _lead(content: Mapping[str, Any] | None) -> str:
    if content is None or content.get("num_points") is None:
        return "What is needed to make these numbers again, as far as it is known."
    total, missing = int(content["num_points"]), int(content.get("num_unfinished") or 0)
    if not missing:
        return f"All {total:,} points that were asked for are finished."
    failed = sum(point.get("state") == "failed" for point in content.get("unfinished") or [])
    why = f"{failed:,} of them because a stage failed" if failed else "though no stage failed"
    return f"{missing:,} of the {total:,} points that were asked for are not finished, {why}."


def _of_records(records: pd.DataFrame) -> list[str]:
    sizes = ", ".join(f"{size:,.0f}" for size in sorted(records["data_size"].unique()))
    seeds = ", ".join(sorted(records["seed"].astype(str).unique(), key=_as_number))
    facts = [f"Data sizes: {sizes}. Seeds: {seeds}."]
    if "device" in records.columns and records["device"].notna().any():
        facts.append(f"Computed on: {', '.join(sorted(records['device'].dropna().astype(str).unique()))}.")
    return facts


def _as_number(seed: str) -> tuple[bool, float, str]:
    try:
        return (False, float(seed), seed)
    except ValueError:
        return (True, 0.0, seed)


def _of_content(content: Mapping[str, Any]) -> list[str]:
    """Command, commits, versions, dates, teachers and what could not be read."""
    facts = [f"Run with: {command}" for command in content.get("commands") or []]
    created = content.get("created") or []
    if created:
        facts.append(f"Artifacts made from {_minute(created[0])} to {_minute(created[-1])}.")
    commits = [
        f"{commit[:_SHORT_COMMIT]} ({num:,} artifacts)" for commit, num in (content.get("git_commits") or {}).items()
    ]
    if commits:
        facts.append(f"Commits of synthscale: {', '.join(commits)}.")
    versions = [f"{package} {', '.join(found)}" for package, found in (content.get("versions") or {}).items()]
    if versions:
        facts.append(f"Versions: {'; '.join(versions)}.")
    if content.get("has_shipped_base"):
        facts.append("The base policy came with the package.")
    facts += [_teacher(teacher) for teacher in content.get("teachers") or []]
    return facts + list(content.get("notes") or [])


def _minute(time: str) -> str:
    """An ISO time without its seconds."""
    return time[:16].replace("T", " ") + (" UTC" if time.endswith("+00:00") else "")


def _teacher(teacher: Mapping[str, Any]) -> str:
    """What a served teacher was asked for, and its price where the config knows prices."""
    asked, answered = teacher.get("num_prompt_tokens"), teacher.get("num_completion_tokens")
    tokens = " and ".join(
        f"{num:,} tokens {what}" for num, what in ((asked, "of prompts"), (answered, "of answers")) if num is not None
    )
    cost = teacher.get("cost")
    price = "" if cost is None else f", which cost {cost:,.2f} at the prices that were set"
    return f"The teacher: {tokens or 'tokens not counted'}{price}."


def _costs(material: Material) -> DataTable:
    names = {name: text for name, text in _COST_COLUMNS.items() if name in material.records.columns}
    columns = ("method", "points", *names.values(), "seconds")
    rows = []
    for curve in material.curves:
        sums = [_sum(curve.rows, [name]) for name in names]
        seconds = _sum(curve.rows, ["train_seconds", "sample_seconds"])
        cells = ["–" if total is None else f"{total:,.0f}" for total in sums]
        rows.append((curve.label, f"{len(curve.rows):,}", *cells, "–" if seconds is None else duration(seconds)))
    return DataTable(columns, rows, _COST, frozenset(columns[1:]))


def _sum(rows: pd.DataFrame, names: Sequence[str]) -> float | None:
    present = [name for name in names if name in rows.columns]
    numbers = rows[present].apply(pd.to_numeric, errors="coerce")
    return float(numbers.sum().sum()) if numbers.notna().to_numpy().any() else None


def _seconds(material: Material) -> list[Block]:
    """Seconds by stage and method, each artifact once."""
    table = material.stage_seconds if material.stage_seconds is not None else read_plain(material, f"{SECONDS}.csv")
    if table is None or not {"stage", "algorithm", "seconds"} <= set(table.columns):
        return []
    seconds = table.pivot_table(index="stage", columns="algorithm", values="seconds", aggfunc="sum")
    methods = list(dict.fromkeys(name for name in [SHARED, *LABELS, *seconds.columns] if name in seconds.columns))
    rows = []
    for stage in [stage for stage in STAGES if stage in seconds.index]:
        cells = [*(seconds.loc[stage, name] for name in methods), seconds.loc[stage].sum()]
        rows.append((stage, *("–" if pd.isna(cell) else f"{cell:,.1f}" for cell in cells)))
    columns = ("stage", *(LABELS.get(name, name) for name in methods), "all")
    return [DataTable(columns, rows, _SECONDS, frozenset(columns[1:]))]


def _unfinished(content: Mapping[str, Any]) -> list[Block]:
    points = content.get("unfinished") or []
    if not points:
        return []
    rows = [
        (str(one["label"]), str(one["state"]), str(one.get("stage") or "–"), str(one.get("reason") or "–"))
        for one in sorted(points, key=lambda one: one["state"] != "failed")[:MAX_LISTED]
    ]
    num = int(content.get("num_unfinished") or len(points))
    more = f" The first {len(rows)} of {num:,}." if num > len(rows) else ""
    folded = f"{num:,} points without a record" if len(rows) > MAX_UNFOLDED else ""
    return [DataTable(("point", "state", "stage", "why"), rows, _UNFINISHED + more, folded=folded)]


def _settings(settings: Mapping[str, Mapping[str, str]], labels: Sequence[str]) -> list[Block]:
    """Those that differ, and, folded, those that do not."""
    differing = {key: values for key, values in settings.items() if len(set(values.values())) > 1}
    common = {key: values for key, values in settings.items() if key not in differing and values}
    there = [label for label in labels if any(label in values for values in settings.values())]
    blocks: list[Block] = []
    if differing:
        rows = [(key, *(values.get(label, "–") for label in there)) for key, values in differing.items()]
        blocks.append(DataTable(("setting", *there), rows, _DIFFER))
    if common:
        shared = [(key, next(iter(values.values()))) for key, values in common.items()]
        folded = f"{len(shared)} settings that the methods share"
        blocks.append(DataTable(("setting", "value"), shared, _COMMON, folded=folded))
    return blocks
