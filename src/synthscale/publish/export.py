"""Artifacts for others: a folder with data or a model, a card that says how it came about, and its history.

The folder is written under a temporary name and renamed, so that a crash leaves nothing half. What goes into it holds
no path, address or key of this machine.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthscale.durable import sync_path, sync_tree
from synthscale.publish import data, model
from synthscale.publish.card import Card, drops_table, measures_table, shell, table, versions_table
from synthscale.publish.command import ADDRESS, Command, command_of, placeholders_in
from synthscale.publish.lineage import evaluations, find_artifact, lineage, published
from synthscale.publish.model import MODEL_STAGES
from synthscale.stage.stage import Artifact
from synthscale.study.error import UserError
from synthscale.study.store import ArtifactStore

PROVENANCE = "provenance.json"
DATA_STAGES = ("teach", "synthesize", "sample", "credit", "compose")
LICENCES = {"gsm8k": "mit", "math": "mit"}  # of published problems and solutions
UNKNOWN = "unknown"
MEANS = {
    "DATA": "the folder of the data set that the artifact was made from",
    "MODEL": "the folder of the model that training started from",
    ADDRESS: "the address of an OpenAI-compatible server of that model",
}
WHAT = {
    "teach": "New problems that a model wrote, with solutions of its own that the verifier accepts.",
    "synthesize": "Problems with right solutions, the synthetic training set of one size and seed.",
    "sample": "Solutions that a policy sampled for each problem, graded by the verifier.",
    "credit": "Rollouts from prefixes of solutions, pits if they were searched for, and right continuations.",
    "compose": "A training set made of graded solutions: positives, and where negatives are learnt from, pairs of a "
    "chosen and a rejected side.",
    "finetune": "A causal language model, fine-tuned on synthetic problems.",
    "pretrain": "A small causal language model, trained from random weights on the steps of the embedded world.",
}


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be exported, and all that is known of it."""

    artifact: Artifact
    store: ArtifactStore
    manifests: Mapping[str, Mapping[str, Any]]  # by key; the artifact's own is the last
    license: str | None

    @property
    def key(self) -> str:
        """The artifact's key."""
        return str(self.artifact.manifest["key"])

    @property
    def stage(self) -> str:
        """The artifact's stage."""
        return str(self.artifact.manifest["stage"])

    @property
    def kind(self) -> str:
        """What the hub calls it."""
        return "model" if self.stage in MODEL_STAGES else "dataset"


def find_export(name: str, runs_dir: str, license: str | None = None) -> Export:
    """The artifact that is named, with its history.

    Raises:
        UserError: if there is none of that name, or it is of a kind that is not exported.
    """
    store, artifact = find_artifact(name, runs_dir)
    stage = artifact.manifest["stage"]
    if stage not in (*DATA_STAGES, *MODEL_STAGES):
        policy = artifact.manifest["inputs"].get("policy")
        raise UserError(f"{artifact.manifest['key']} holds figures and no data; export the policy, {policy}.")
    return Export(artifact, store, lineage(store, artifact), license)


def check_empty(folder: Path) -> None:
    """Raise UserError where something would be in the way."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there and not empty: name a folder that is empty or not there yet.")
    if folder.resolve() == Path.cwd():  # it is replaced, and who stands in it would stand nowhere
        raise UserError(f"{folder} is the current folder: name another one, which need not be there yet.")


def write_export(export: Export, folder: Path) -> None:
    """Write the folder, whole or not at all.

    Raises:
        UserError: if it is not empty.
    """
    check_empty(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(folder)
    temporary.mkdir()
    try:
        card = data_card(export, temporary) if export.kind == "dataset" else model_card(export, temporary)
        (temporary / "README.md").write_text(card.markdown(), encoding="utf-8")
        history = [published(manifest) for manifest in export.manifests.values()]
        (temporary / PROVENANCE).write_text(json.dumps(history, indent=1) + "\n")
        sync_tree(temporary)
        try:
            temporary.rename(folder)  # onto an empty folder, too
        except OSError:
            check_empty(folder)  # another process was faster
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_path(folder.parent)


def temporary_beside(folder: Path) -> Path:
    """A hidden name of this process's own; what killed processes of this machine left under theirs is removed."""
    beginning = f".{folder.name}-{socket.gethostname()}-"
    for left in folder.parent.glob(f"{glob.escape(beginning)}*"):
        number = left.name.removeprefix(beginning)
        if number.isdecimal() and not is_running(int(number)):
            shutil.rmtree(left, ignore_errors=True)
    return folder.with_name(f"{beginning}{os.getpid()}")


def is_running(process: int) -> bool:
    """Whether there is a process of that number here."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def data_card(export: Export, folder: Path) -> Card:
    """Write the data; return their card."""
    from synthscale.table import count_rows

    files = data.write_data(export.artifact, export.store, folder)
    rows = {config: count_rows(folder / path) for config, path in files.items()}
    front = {"license": license_of(export), **data.front_matter(files, rows["default"])}
    loads = [f'load_dataset(DIR, "{config}", split="train")' for config in files]
    counts = table(
        ["config", "rows", "read with"], [(c, rows[c], f"`{load}`") for c, load in zip(files, loads, strict=True)]
    )
    return Card(export.key, front, WHAT[export.stage], {"Tables": counts, **sections(export)})


def model_card(export: Export, folder: Path) -> Card:
    """Copy the model; return its card."""
    model.write_model(export.artifact, folder)
    found = evaluations(export.store, export.key)
    front = {"license": license_of(export), **model.front_matter(export.manifests, found, export.key)}
    special = {
        "Results": model.results_table(found),
        "Training": model.hyper_parameters(export.manifests),
    }
    return Card(export.key, front, WHAT[export.stage], {**special, **sections(export)})


def sections(export: Export) -> dict[str, str]:
    """What both kinds of card tell."""
    measures = export.artifact.measures
    return {
        "Source": source_table(export),
        "Counts and costs": measures_table(measures),
        "Dropped": drops_table(measures),
        "Made by": made_by(export, command_of(export.manifests, export.key)),
        "History": history_table(export.manifests.values()),
        "Versions": versions_table(export.artifact.manifest),
        "Licence": license_text(export),
    }


def source_table(export: Export) -> str:
    """Task, teacher and models, as far as the history tells."""
    rows: dict[str, object] = {}
    for manifest in export.manifests.values():
        config = published(manifest["config"])
        task, teacher = config.get("task") or config.get("world"), config.get("teacher", {})
        if task:
            rows |= {"task": task["name"]}
            rows |= {name: task[name] for name in ("source", "subsets", "revision", "fingerprint") if task.get(name)}
        if manifest["stage"] == "teach":
            rows |= {"teacher": teacher["name"], "model asked": teacher["server"]["model"]}
        if manifest["stage"] == "synthesize":
            rows |= {"problems": config["num_problems"], "seed": config["seed"]}
        if manifest["stage"] == "finetune" and config.get("path"):
            rows |= {"base model": config["path"], "base revision": config.get("revision")}
    cells = [(name, ", ".join(value) if isinstance(value, list) else value) for name, value in rows.items()]
    return table(["", ""], [(name, value) for name, value in cells if value is not None])


def history_table(manifests: Iterable[Mapping[str, Any]]) -> str:
    """The artifacts that it was made from, inputs first."""
    rows = [(m["key"], ", ".join(sorted(set(m["inputs"].values()))), m["seconds"]) for m in manifests]
    return table(["artifact", "made from", "seconds"], rows)


def made_by(export: Export, command: Command) -> str:
    """The commands that make it again."""
    lines = [command.line, f"synthscale export {export.key} DIR"]
    texts = [shell(lines)]
    texts += [f"{name} is {MEANS[name]}." for name in placeholders_in(command.line)]
    if not command.is_checked:
        texts.append(
            "The first command was put together from the manifests and could not be checked against the artifact's key "
            f"where this was exported; `{PROVENANCE}` has each stage's whole config."
        )
    return "\n\n".join(texts)


def source_license(export: Export) -> str | None:
    """The licence of the problems that all was made from, where it is known."""
    names = {(manifest["config"].get("task") or {}).get("name") for manifest in export.manifests.values()}
    return next((LICENCES[name] for name in names if name in LICENCES), None)


def license_of(export: Export) -> str:
    """The one given; else the source's, where no model wrote any of it."""
    is_copied = export.stage == "synthesize" and "teach" not in {m["stage"] for m in export.manifests.values()}
    return export.license or (source_license(export) if is_copied else None) or UNKNOWN


def license_text(export: Export) -> str:
    """What is known of licences, in a sentence or two."""
    source = source_license(export)
    of_source = f"The problems that it was made from are under `{source}`. " if source else ""
    if license_of(export) == UNKNOWN:
        return of_source + "The licence of the whole is unknown: those of the models that took part count."
    return of_source + f"Published under `{license_of(export)}`."
