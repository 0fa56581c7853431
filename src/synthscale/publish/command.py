"""The command that makes an artifact again, worked out from manifests and checked against the artifact's key.

A manifest has a stage's config and not the run's, so the run's keys are put together from the stages of the artifact's
history. What differs from the composed defaults becomes an override; then the overrides are composed, and the command
counts as checked if the graph that they unfold to has the artifact's key.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from synthscale.publish.lineage import is_place_here
from synthscale.stage.stage import plain

Settings = dict[str, Any]
ADDRESS = "http://HOST/v1"  # of any server
PLACEHOLDERS = {
    "task.source": "DATA",
    "model.path": "MODEL",
    "teacher.server.url": ADDRESS,
    "sampler.server.url": ADDRESS,
}
_NEVER = {"task.fingerprint", "task.test_fingerprint", "task.name", "teacher.name"}
_WORD = re.compile(r"[A-Za-z_./][\w./:+-]*")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line that can be shown to anyone, and whether it was seen to give the artifact's key."""

    line: str
    is_checked: bool


def command_of(manifests: Mapping[str, Mapping[str, Any]], key: str) -> Command:
    """`synthscale run …` for the artifact, with placeholders for places on this machine."""
    from hydra import initialize_config_dir
    from hydra.errors import HydraException

    from synthscale.study.app import config_dir
    from synthscale.study.config import register_schemas

    register_schemas()
    choices, settings = choices_of(manifests, key), Settings()
    with suppress(KeyError):  # of an artifact that an earlier version made, with other keys
        settings = settings_of(manifests.values())
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        try:
            defaults = compose_defaults(choices)
            allow_few_samples(defaults, settings)
            overrides = {**choices, **differences(defaults, settings)}
            is_checked = gives_key(overrides, key)
        except (HydraException, OmegaConfBaseException):  # a config of the user's own, which is not here
            overrides, is_checked = {**choices, **flat(settings)}, False
    return Command(" ".join(["synthscale run", *(shown(name, value) for name, value in overrides.items())]), is_checked)


def choices_of(manifests: Mapping[str, Mapping[str, Any]], key: str) -> dict[str, Any]:
    """The options of config groups, and the stage at which to end."""
    by_stage = {manifest["stage"]: manifest["config"] for manifest in manifests.values()}
    task = next((config["task"]["name"] for config in by_stage.values() if "task" in config), None)
    choices = {"task": task, "algorithm": algorithm_of(by_stage)}
    if "teach" in by_stage:
        choices |= {"teacher": by_stage["teach"]["teacher"]["name"], "teacher.server.url": ADDRESS}
    if any((config.get("sampler") or {}).get("kind") == "server" for config in by_stage.values()):
        choices["sampler.server.url"] = ADDRESS
    return {name: value for name, value in choices.items() if value} | {"stage": role_of(manifests, key)}


def algorithm_of(by_stage: Mapping[str, Mapping[str, Any]]) -> str | None:
    """A recipe that has the stages, as its mixture and credit tell it from others; None where the default will do."""
    mixture = by_stage.get("compose", {}).get("mixture", {})
    if mixture.get("step_weights") is not None:
        return "advantage_weighted"
    if mixture.get("min_advantage") is not None and not mixture["negative_fraction"]:
        return "rft_filtered"
    if "credit" in by_stage:
        credit = by_stage["credit"]
        if credit.get("max_accepted_per_problem") and "compose" not in by_stage:
            return "advantage_weighted" if credit["max_negatives_per_problem"] else "rft_filtered"
        return "step_mix" if mixture.get("pair_shape") == "divergence" else "step_dpo"
    if "compose" in by_stage:
        return "dpo" if by_stage["compose"]["mixture"]["negative_fraction"] > 0 else "rft"
    return "rft" if "sample" in by_stage else None


def role_of(manifests: Mapping[str, Mapping[str, Any]], key: str) -> str:
    """What `stage=` calls the artifact: its stage, but for fine-tunings, of which there may be two."""
    manifest = manifests[key]
    if manifest["stage"] != "finetune":
        return str(manifest["stage"])
    return "policy" if manifest["inputs"]["data"].startswith("compose") else "sft"


def settings_of(manifests: Iterable[Mapping[str, Any]]) -> Settings:
    """The run's keys that the stages' configs tell, nested as the run's config is."""
    settings: Settings = {}
    for manifest in manifests:
        stage, config = manifest["stage"], manifest["config"]
        for name in ("task", "teacher", "trainer", "sampler", "mixture", "evaluation"):
            if isinstance(config.get(name), Mapping) and not (stage == "credit" and name == "sampler"):
                settings.setdefault(name, {}).update(config[name])
        reader = _READERS.get(stage)
        if reader is not None:
            reader(config, manifest["inputs"], settings)
    return settings


def _synthesize(config: Mapping[str, Any], inputs: Mapping[str, str], settings: Settings) -> None:
    settings |= {"data_size": config["num_problems"], "seed": config["seed"]}
    settings.setdefault("teacher", {})["traces_per_problem"] = config["traces_per_problem"]


def _finetune(config: Mapping[str, Any], inputs: Mapping[str, str], settings: Settings) -> None:
    is_second = inputs["data"].startswith("compose")
    algorithm = settings.setdefault("algorithm", {})
    updates = config["num_updates"] / settings.get("data_size", 1)
    algorithm["second" if is_second else "first"] = {
        "learning_rate": config["learning_rate"],
        "updates_per_problem": updates,
    }
    if is_second and not inputs.get("policy", "").startswith("finetune"):
        algorithm["start"] = "base"
    if "reference" in inputs:
        algorithm |= {"beta": config["beta"], "preference_weight": config["preference_weight"]}
        algorithm |= {"only_side": config["only_side"]} if config.get("only_side") else {}
        settings["mixture"]["eos_after_prefix"] = config["eos_after_prefix"]
    if config.get("max_weight") is not None:
        algorithm |= {"beta": config["beta"], "max_weight": config["max_weight"]}
    model = settings.setdefault("model", {})
    model.update(config.get("policy", {}))
    model.update({name: config[name] for name in ("path", "revision", "lora") if config.get(name) is not None})
    sampler = settings.setdefault("sampler", {})
    sampler |= {name: config[name] for name in ("max_new_tokens", "stop") if config.get(name) is not None} | sampler


def _sample(config: Mapping[str, Any], inputs: Mapping[str, str], settings: Settings) -> None:
    settings["seed"] = config["seed"]


def _credit(config: Mapping[str, Any], inputs: Mapping[str, str], settings: Settings) -> None:
    is_adaptive = config.get("max_rollouts") is not None
    names = ["confidence", "max_rollouts"] if is_adaptive else ["num_rollouts"]
    kinds = {"max_negatives_per_problem": "rejected", "max_accepted_per_problem": "accepted"}
    credited = [name for name in kinds if config.get(name)]
    found = {name: config[name] for name in [*names, *credited]}
    found["credited_samples"] = "both" if len(credited) == 2 else kinds[credited[0]]
    settings.setdefault("credit", {}).update(found, search="adaptive" if is_adaptive else "exhaustive")


def _compose(config: Mapping[str, Any], inputs: Mapping[str, str], settings: Settings) -> None:
    names = ["max_negatives_per_problem"] if config["mixture"]["negative_fraction"] > 0 else []
    if "credit" in inputs:
        names += ["pit_rule"] if names else []
        names += [] if config.get("search") else ["best_of"]
    settings.setdefault("credit", {}).update({name: config[name] for name in names})


def _pretrain(config: Mapping[str, Any], inputs: Mapping[str, str], settings: Settings) -> None:
    settings["pretraining"] = {name: config[name] for name in ("num_updates", "learning_rate", "seed")}
    settings.setdefault("model", {})["architecture"] = config["architecture"]
    if "task" not in settings:
        settings["task"] = {name: value for name, value in config["world"].items() if name != "operators_per_problem"}


_READERS = {
    "synthesize": _synthesize,
    "finetune": _finetune,
    "sample": _sample,
    "credit": _credit,
    "compose": _compose,
    "pretrain": _pretrain,
}


def compose_defaults(choices: Mapping[str, Any]) -> DictConfig:
    """The config of a run with these options and nothing else."""
    from hydra import compose

    return compose("config", overrides=[f"{name}={literal(value)}" for name, value in choices.items()])


def allow_few_samples(defaults: DictConfig, settings: Settings) -> None:
    """Take back a default that so few samples do not allow, where no stage of the artifact's history reads it."""
    best_of = defaults.credit.best_of
    if settings.get("sampler", {}).get("num_samples", best_of) < best_of:
        settings.setdefault("credit", {}).setdefault("best_of", 1)


def differences(defaults: DictConfig, settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The settings that are not the defaults, by their full keys; of those that only say how, a data set's alone."""
    found: dict[str, Any] = {}
    kind = OmegaConf.get_type(defaults)
    fields = getattr(kind, "__dataclass_fields__", {})
    for name, value in settings.items():
        key, only_how = f"{prefix}{name}", name in fields and "only_how" in fields[name].metadata
        if key in _NEVER or (name not in defaults and name not in fields) or (only_how and not key.startswith("task.")):
            continue
        node = None if OmegaConf.is_missing(defaults, name) else defaults[name]
        if isinstance(value, Mapping) and isinstance(node, DictConfig):
            found |= differences(node, value, f"{key}.")
        elif plain(OmegaConf.to_container(node) if OmegaConf.is_config(node) else node) != value:
            found[key] = type(node)(value).name if isinstance(node, Enum) else value
    return found


def gives_key(overrides: Mapping[str, Any], key: str) -> bool:
    """Whether the run with these overrides makes the artifact."""
    from hydra import compose

    from synthscale.study.error import UserError
    from synthscale.study.target import compose_point

    try:
        point = compose_point(compose("config", overrides=[f"{name}={literal(v)}" for name, v in overrides.items()]))
    except (UserError, ValueError):  # a data set or model that is not where it was
        return False
    return point.root.key == key


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """All settings by their full keys."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif f"{prefix}{name}" not in _NEVER:
            found[f"{prefix}{name}"] = value
    return found


def shown(name: str, value: Any) -> str:
    """An override for a person's shell, without a place on this machine."""
    if isinstance(value, str) and name in PLACEHOLDERS and is_place_here(value):
        value = PLACEHOLDERS[name]
    return shlex.quote(f"{name}={literal(value)}")


def literal(value: Any) -> str:
    """A value as Hydra's grammar reads it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(map(literal, value)) + "]"
    if isinstance(value, str) and (
        not _WORD.fullmatch(value) or value.lower() in ("null", "true", "false", "nan", "inf")
    ):
        # a backslash counts as one, but for those before a quote
        return "'" + re.sub(r"(\\*)('|\Z)", lambda m: 2 * m[1] + (m[2] and "\\'"), value) + "'"
    return str(value)


def placeholders_in(line: str) -> Iterator[str]:
    """The placeholders that a shown command has."""
    yield from dict.fromkeys(name for key, name in PLACEHOLDERS.items() if f"{key}={name}" in line)
