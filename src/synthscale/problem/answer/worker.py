"""A process that compares pairs of answers, one JSON line each, and that the kernel ends when a pair takes too long.

The alarm has no handler: SIGALRM's default action ends the process wherever it is, in C code too, and whether or not
anybody still waits for it. Nothing of this runs in the process that asks, so that it works in any thread there.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import suppress

from synthscale.problem.answer.compare import Comparison
from synthscale.problem.answer.formula import Thorough
from synthscale.problem.answer.policy import AnswerPolicy
from synthscale.problem.answer.reading import readings

MEMORY_BYTES = 2 << 30


def main() -> None:
    """Say that it is ready, then answer each line `[prediction, reference, policy, seconds]` with `[same, rule]`."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a parent that ignores alarms hands that down
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    limit_memory()
    import flint  # noqa: F401  # so that no pair pays for the imports
    import sympy  # noqa: F401

    answer('"ready"')
    for line in sys.stdin.buffer:
        prediction, reference, policy, seconds = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        found = compare(prediction, reference, policy)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answer(json.dumps(found))


def compare(prediction: str, reference: str, policy: dict[str, str | float]) -> tuple[bool | None, str]:
    """Whether two answers are the same, None without an answer; and what told, or what stood in the way."""
    formulas = Thorough(AnswerPolicy.from_plain(policy))
    comparison = Comparison(formulas.policy, formulas.same_value, formulas.proportional)
    try:
        return bool(comparison.any(readings(prediction), readings(reference))), formulas.rule
    except MemoryError:
        return None, "memory"
    except RecursionError:
        return None, "depth"
    except Exception as error:  # a defect in a library must not cost the others their verdicts
        return False, f"failed ({type(error).__name__})"


def limit_memory() -> None:
    """Let a huge number end in MemoryError and not in a machine without memory."""
    with suppress(ValueError, OSError):  # not every system has the limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def answer(line: str) -> None:
    """Write one line at once, so that the other side knows which pair is at work."""
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):  # who asked is gone
        os._exit(0)  # without a try at the rest of the output
