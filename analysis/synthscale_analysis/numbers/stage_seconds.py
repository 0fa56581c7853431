"""Where a study's time went: the seconds of its artifacts by stage and method, read from their manifests.

Points share artifacts, so each is counted once: for the method whose points alone need it, else as shared. The seconds
are those of a stage in its own process, without start-up; of one that was interrupted, those since its last start. A
base policy that came with the package took this study no time.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import synthscale

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
_SHIPPED = Path(synthscale.__file__).parent / "policy" / "base"


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
    manifests: dict[str, dict[str, Any]] = {}
    methods: dict[str, set[str]] = {}
    for algorithm, root in zip(records["algorithm"].astype(str), records["artifact"].astype(str), strict=True):
        waiting = [root]
        while waiting:
            key = waiting.pop()
            if (_SHIPPED / key).is_dir() and not (artifacts / key).is_dir():
                continue
            if key not in manifests:
                manifest = _read(artifacts / key / "manifest.json")
                if manifest is None:
                    return None
                manifests[key] = manifest
            if algorithm not in methods.setdefault(key, set()):
                methods[key].add(algorithm)
                waiting.extend(manifests[key]["inputs"].values())
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for key, manifest in manifests.items():
        method = next(iter(methods[key])) if len(methods[key]) == 1 else SHARED
        groups.setdefault((_stage(manifest), method), []).append(manifest)
    rows = [{"stage": stage, "algorithm": method, **_sums(group)} for (stage, method), group in groups.items()]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_tokens": "Int64", "num_rollouts": "Int64"})
    order = table["stage"].map({stage: place for place, stage in enumerate(STAGES)})
    return table.assign(order=order).sort_values(["order", "algorithm"]).drop(columns="order").reset_index(drop=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        return manifest if isinstance(manifest["seconds"], int | float) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stage(manifest: Mapping[str, Any]) -> str:
    """The stage's name; of training, with its phase: the second one learns from what was composed."""
    if manifest["stage"] != "finetune":
        return str(manifest["stage"])
    return f"finetune ({'second' if str(manifest['inputs'].get('data')).startswith('compose-') else 'first'})"


def _sums(group: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    manifests = list(group)
    seconds = sum(manifest["seconds"] for manifest in manifests)
    tokens = _total(
        [next((m["measures"][name] for name in _TOKENS if m["measures"].get(name)), None) for m in manifests]
    )
    rollouts = _total([manifest["measures"].get("num_rollouts") for manifest in manifests])
    return {
        "num_artifacts": len(manifests),
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
