"""What stages need of their environment and no config can hold, asked for before any of them is run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from synthscale.policy.config import SamplerConfig, SamplerKind
from synthscale.server.config import ServerConfig
from synthscale.server.process import find_program
from synthscale.study.config import ConfigError
from synthscale.study.estimate import CHARACTERS_PER_TOKEN, History
from synthscale.study.plan import Plan
from synthscale.synthesis.config import ServerTeacherConfig


def refuse_missing_keys(plan: Plan) -> None:
    """Raise ConfigError if the environment lacks the key of a server that a stage to be made would ask."""
    for place, server in servers_of(plan):
        if server.api_key_env and not os.environ.get(server.api_key_env):
            raise ConfigError(
                f"{place}.api_key_env={server.api_key_env} names an environment variable that is not set: export the "
                "server's key there."
            )


def refuse_missing_programs(plan: Plan) -> None:
    """Raise ConfigError if a program that a stage to be made would start on this machine is not installed."""
    for place, server in servers_of(plan):
        program = shlex.split(server.command)[0] if server.command else None
        if program and find_program(program) is None:
            raise ConfigError(f"{place}.command starts {program}, which is not installed here.")


def cut_solutions(plan: Plan, history: History) -> str | None:
    """A sentence where samples will be cut before solutions like the data set's own end; None where they fit."""
    for planned in plan.todo:
        sampler = getattr(planned.node.config, "sampler", None)
        typical = history.typical(planned.node) if isinstance(sampler, SamplerConfig) else None
        if typical is None or sampler is None:
            continue
        length = typical.solution_characters / CHARACTERS_PER_TOKEN
        if sampler.max_new_tokens < 1.5 * length:
            return (
                f"sampler.max_new_tokens={sampler.max_new_tokens} will cut many solutions, which then have no answer: "
                f"those of task {planned.node.config.task.name} have about {length:.0f} tokens on average."
            )
    return None


def servers_of(plan: Plan) -> Iterator[tuple[str, ServerConfig]]:
    """The servers that the stages to be made ask, with the config key of each."""
    for planned in plan.todo:
        teacher = getattr(planned.node.config, "teacher", None)
        sampler = getattr(planned.node.config, "sampler", None)
        if isinstance(teacher, ServerTeacherConfig):
            yield "teacher.server", teacher.server
        if isinstance(sampler, SamplerConfig) and sampler.kind is SamplerKind.server:
            yield "sampler.server", sampler.server
