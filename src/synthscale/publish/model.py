"""A policy artifact as a folder that `transformers` reads: weights as safetensors, config, tokenizer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthscale.publish.card import table
from synthscale.publish.lineage import is_place_here, published
from synthscale.stage.stage import Artifact

SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".model", ".jinja"})  # none of which runs when it is read
CLEANED = ("config.json", "tokenizer_config.json", "generation_config.json")
MODEL_STAGES = ("pretrain", "finetune")
FIGURES = ("pass_at_1", "pass_at_4", "pass_at_16", "maj_at_4", "maj_at_16")


def write_model(artifact: Artifact, folder: Path) -> list[str]:
    """Copy the model's files; return their names. What libraries note of a folder on this machine is left out."""
    copied = []
    for path in sorted((artifact.folder / "model").iterdir()):
        if path.is_file() and path.suffix in SUFFIXES:
            shutil.copyfile(path, folder / path.name)
            copied.append(path.name)
    for name in CLEANED:
        if name in copied:
            clean(folder / name)
    return copied


def clean(path: Path) -> None:
    """Drop the fields of a config that hold a local path; a file without any keeps its bytes."""
    config = json.loads(path.read_bytes())
    kept = {key: value for key, value in config.items() if published(value) == value}
    if kept != config:
        path.write_text(json.dumps(kept, indent=2) + "\n")


def base_of(manifests: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The name on the hub of the model that training started from; None where it has none."""
    paths = [manifest["config"].get("path") for manifest in manifests.values() if manifest["stage"] == "finetune"]
    return next((path for path in paths if path and not is_place_here(path)), None)


def results_table(evaluations: Sequence[Mapping[str, Any]]) -> str:
    """Each evaluation's figures on test problems, accuracy with its 95 % Wilson interval; or that there are none."""
    if not evaluations:
        return "Not evaluated."
    rows = []
    for manifest in evaluations:
        measures = manifest["measures"]
        low, high = (100 * measures[f"test_accuracy_{end}"] for end in ("low", "high"))
        accuracy = f"{100 * measures['test_accuracy']:.1f} [{low:.1f}, {high:.1f}]"
        figures = [None if (value := measures.get(name)) is None else f"{100 * value:.1f}" for name in FIGURES]
        rows.append([manifest["config"]["task"]["name"], measures["num_test"], accuracy, *figures, manifest["key"]])
    head = [
        "task",
        "test problems",
        "accuracy % [95 % Wilson]",
        *(name.replace("_at_", "@") + " %" for name in FIGURES),
    ]
    return table([*head, "artifact"], rows)


def hyper_parameters(manifests: Mapping[str, Mapping[str, Any]]) -> str:
    """What each phase of training was like."""
    names = [
        "learning_rate",
        "num_updates",
        "batch_size",
        "beta",
        "preference_weight",
        "LoRA rank",
        "precision",
        "seed",
    ]
    rows = []
    for manifest in manifests.values():
        if manifest["stage"] in MODEL_STAGES:
            config = manifest["config"]
            values = {
                **config.get("trainer", {}),
                **config,
                "LoRA rank": (config.get("lora") or {}).get("rank") or None,
            }
            is_weighted = config.get("max_weight") is not None
            if not config.get("preference_weight"):
                values |= {"beta": config["beta"] if is_weighted else None, "preference_weight": None}
            plain = "SFT on steps weighted by exp(advantage / beta)" if is_weighted else "SFT"
            side = f" of {config['only_side']} sides alone" if config.get("only_side") else ""
            objective = f"DPO{side}, and SFT on positives" if config.get("preference_weight") else plain
            rows.append([manifest["key"], objective, *map(values.get, names)])
    return table(["phase", "objective", *names], rows)


def front_matter(
    manifests: Mapping[str, Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]], name: str
) -> dict[str, object]:
    """What the hub's index reads of a model."""
    front: dict[str, object] = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["synthscale", "math"],
    }
    base = base_of(manifests)
    if base is not None:
        front["base_model"] = base
    if evaluations:
        front["model-index"] = [{"name": name, "results": [result(manifest) for manifest in evaluations]}]
    return front


def result(manifest: Mapping[str, Any]) -> dict[str, object]:
    """One evaluation in the hub's words."""
    task = manifest["config"]["task"]["name"]
    metric = {"type": "accuracy", "name": "greedy accuracy", "value": round(manifest["measures"]["test_accuracy"], 4)}
    return {
        "task": {"type": "text-generation"},
        "dataset": {"type": task, "name": task},
        "metrics": [metric],
    }
