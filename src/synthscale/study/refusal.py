"""What Hydra and OmegaConf refuse, in one sentence that names the key and what is accepted.

Their own messages take several lines, name internal types, and advise `+key=value` for a misspelt key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError
from yaml import YAMLError

REFUSALS = (HydraException, OmegaConfBaseException, YAMLError)


def sentence(error: BaseException) -> str:
    """One sentence for the user, without a line break."""
    if isinstance(error, YAMLError):
        return f"A config file is not YAML: {' '.join(str(error).split())}."
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(error, OverrideParseException):
        return f"Cannot read the override {error.override!r}: write key=value, with quotes around unusual characters."
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _unknown_choice(error)
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause)
    if isinstance(cause, ValidationError):
        return f"{_full_key(cause)}: {_first_line(cause)}."
    return _of_hydra(error)


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean data_size?`, or the list of what is accepted where nothing is near."""
    names = sorted(str(one) for one in known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"accepted are {', '.join(names)}."


def _unknown_choice(error: MissingConfigException) -> str:
    missing = str(error.missing_cfg_file).removesuffix(".yaml")
    group, _, choice = missing.rpartition("/")
    options = [option for option in error.options or () if not option.endswith("_schema")]
    if not group or not options:
        return f"There is no config group or file {missing}."
    close = difflib.get_close_matches(choice, options, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"{group}={choice} is not known{hint}; accepted are {', '.join(sorted(options))}."


def _unknown_key(cause: OmegaConfBaseException) -> str:
    key = _full_key(cause)
    prefix, _, name = key.rpartition(".")
    parent = cause.parent_node
    known = [str(one) for one in parent if one != "hydra"] if isinstance(parent, DictConfig) else []
    place = f" in {prefix}" if prefix else ""
    return f"There is no key {name}{place}; {nearest(name, known)}" if known else f"There is no key {key}."


def _of_hydra(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[0].startswith("Ambiguous value for argument 'study="):
        return "study= takes one study: run each by a command of its own."
    if lines and lines[0].startswith("Ambiguous value for argument"):
        return f"{lines[0]}: add -m to sweep over several values."
    if lines and lines[0].startswith("Could not override"):
        quoted = re.findall(r"'([^']*)'", lines[0])
        return f"There is no key or config group {quoted[0] if quoted else ''}."
    misplaced = re.search(r"In '([^']*)': ConfigKeyError.*Key '([^']*)' not in '([^']*)'", " ".join(lines))
    if misplaced:
        file, key, place = misplaced.groups()
        begin = "; a study's file begins with the line # @package _global_" if key == "study" else ""
        return f"{file}.yaml sets {key}, which there is not in {place}{begin}."
    cause = f": {_first_line(error.__cause__)}" if error.__cause__ is not None else ""
    return " ".join(lines[:2]).rstrip(".") + cause + "."


def _full_key(cause: OmegaConfBaseException) -> str:
    return str(cause.full_key or cause.key or "")


def _first_line(cause: BaseException) -> str:
    return str(cause).splitlines()[0].rstrip(".")
