"""Where a study's time went: the seconds of its artifacts by stage and method, read from their manifests.

Points share artifacts, so each is counted once: for the method whose points alone need it, else as shared. The seconds
are those of a stage in its own process, without start-up; of one that was interrupted, those since its last start. A
base policy that came with the package took this study no time.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from synthscale_analysis.extract.lineage import Artifacts, KeptArtifact

SHARED = "shared"
STAGES = (
    *("pretrain", "teach", "synthesize", "finetune (first)", "sample", "credit", "compose", "finetune (second)"),
    "evaluate",
)
"""In the order of a recipe, with the two phases of training apart."""
COLUMNS = (
    *("stage", "algorithm", "num_artifacts", "seconds", "num_tokens", "tokens_per_second"),
    *("num_rollouts", "rollouts_per_second"),
)
_TOKENS = ("num_train_tokens", "num_sampled_tokens")


def stage_seconds(records: pd.DataFrame, artifacts: Path) -> pd.DataFrame | None:
    """A row for each stage and method, with COLUMNS; what was not counted is empty.

    Args:
        records: of one task and model.
        artifacts: the folder that holds an artifact's folder by its key.

    Returns:
        None where the artifacts of some record are not there, as where results were copied without them.
    """
    if "artifact" not in records.columns or records["artifact"].isna().any():
        return None
    kept = Artifacts(artifacts)
    methods: dict[str, tuple[KeptArtifact, set[str]]] = {}
    for algorithm, rows in records.groupby(records["algorithm"].astype(str), sort=False):
        for one in kept.behind(rows["artifact"].astype(str)):
            if one is None or one.seconds is None:
                return None
            methods.setdefault(one.key, (one, set()))[1].add(str(algorithm))
    groups: dict[tuple[str, str], list[KeptArtifact]] = {}
    for one, users in methods.values():
        groups.setdefault((_stage(one), next(iter(users)) if len(users) == 1 else SHARED), []).append(one)
    sums = [{"stage": stage, "algorithm": method, **_sums(group)} for (stage, method), group in groups.items()]
    table = pd.DataFrame(sums, columns=list(COLUMNS)).astype({"num_tokens": "Int64", "num_rollouts": "Int64"})
    order = table["stage"].map({stage: place for place, stage in enumerate(STAGES)})
    return table.assign(order=order).sort_values(["order", "algorithm"]).drop(columns="order").reset_index(drop=True)


def _stage(artifact: KeptArtifact) -> str:
    """The stage's name; of training, with its phase: the second one learns from what was composed."""
    if artifact.stage != "finetune":
        return artifact.stage
    return f"finetune ({'second' if str(artifact.inputs.get('data')).startswith('compose-') else 'first'})"


def _sums(group: Sequence[KeptArtifact]) -> dict[str, float | None]:
    seconds = sum(one.seconds or 0.0 for one in group)
    tokens = _total([next((one.measures[name] for name in _TOKENS if one.measures.get(name)), None) for one in group])
    rollouts = _total([one.measures.get("num_rollouts") for one in group])
    return {
        "num_artifacts": len(group),
        "seconds": round(seconds, 3),
        "num_tokens": tokens,
        "tokens_per_second": _rate(tokens, seconds),
        "num_rollouts": rollouts,
        "rollouts_per_second": _rate(rollouts, seconds),
    }


def _total(counts: list[int | None]) -> int | None:
    """The sum; None where one is not known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _rate(count: int | None, seconds: float) -> float | None:
    return None if count is None or not seconds else round(count / seconds, 1)
