"""Options as Hydra writes them, for the commands that take their options by argparse.

`synthscale run` takes `key=value`, so `synthscale report runs/quick report.bootstrap=500 report.wandb=true` is what a
user will type; it means `--bootstrap=500 --wandb`. Both forms may be mixed, and the last one given counts.
"""

import argparse
import re
from collections.abc import Sequence

from synthscale.study.error import UserError

_TRUTH = {"true": True, "false": False}


def as_options(argv: Sequence[str], command: str, parser: argparse.ArgumentParser) -> list[str]:
    """The arguments with each `command.key=value` as the option of that name; the others as they are.

    A flag is given for true and left out for false; null leaves any option out. UserError for a key that the command
    has not, and for one without a value.
    """
    return [option for argument in argv for option in _translated(argument, command, parser)]


def _translated(argument: str, command: str, parser: argparse.ArgumentParser) -> list[str]:
    found = re.fullmatch(rf"\+{{0,2}}{re.escape(command)}\.([^=]*)(=?)(.*)", argument, flags=re.DOTALL)
    if found is None:
        return [argument]
    key, equals, value = found.groups()
    known = {name.removeprefix("--").replace("-", "_"): action for name, action in _actions(parser).items()}
    if key not in known:
        there = ", ".join(f"{command}.{name}" for name in known)
        raise UserError(f"there is no {command}.{key}; there are {there}")
    if not equals or not value:
        raise UserError(f"{command}.{key} has no value; write {command}.{key}=VALUE")
    option = f"--{key.replace('_', '-')}"
    if value == "null":
        return []
    if known[key].nargs != 0:
        return [f"{option}={value}"]
    if value.lower() not in _TRUTH:
        raise UserError(f"{command}.{key} is true or false, not {value}")
    return [option] if _TRUTH[value.lower()] else []


def _actions(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Its options by their long names, but for --help."""
    actions = parser._option_string_actions  # argparse has no public list of its options
    return {name: action for name, action in actions.items() if name.startswith("--") and name != "--help"}
