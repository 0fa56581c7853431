"""`synthscale grade`: verdicts for the predictions in a file of JSON lines, with what decided each.

    synthscale grade answers.jsonl --out graded.jsonl --jobs 0
    generate | synthscale grade --policy percent=value,units=ignore | jq -r .grade.verdict
    synthscale grade --audit train.jsonl --reference-key answer

A bad line in a file is found before the first answer is graded. Only what reads the command line is imported here, so
that --help answers at once.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence

from synthscale.command_line import CommandLine
from synthscale.grading.file import STANDARD, GradeError, Keys
from synthscale.grading.policy import join_policies, parse_policy, policy_help

MAX_JOBS = 1024
MAX_SECONDS = 3600.0
_DESCRIPTION = """\
Grade predictions against references. Each line of IN is a JSON object with a text or number under "prediction" and
"reference"; it comes out as it went in, in the same order, with one more key:

  "grade": {"verdict": "correct", "rule": "box: exact", "extracted": "1/2", "reference": "0.5", "side": null}

verdict is correct, wrong, unparseable or timeout; extracted and reference are the final answers that were read from the
two texts (null: none); side says whose could not be read. A summary goes to standard error. Blank lines are skipped.
Lines from a pipe are answered one by one where there is one job."""
_EPILOG = """\
exit status:
  0  all is graded; in an audit, every reference equals itself
  1  all is graded, but some reference could not be read; in an audit, some reference does not equal itself
  2  a line, an option or a file cannot be used; --out is not written, standard output holds the lines before

keys and values of --policy:
"""


def main(argv: Sequence[str]) -> int:
    """Run the command; argv is without the program's name. The exit status is as --help says."""
    options = _parser().parse_args(join_policies(argv))
    try:
        _check(options)
        return _run(options)
    except GradeError as error:
        print(error, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    policy = parse_policy(options.policy)
    from synthscale.grading.parts import Settings  # imports rich and the verifier
    from synthscale.grading.run import run

    prediction = None if options.audit else options.prediction_key
    settings = Settings(
        source=options.source,
        out=(None if options.audit else STANDARD) if options.out is None else options.out,
        keys=Keys(prediction=prediction, reference=options.reference_key, grade=options.grade_key),
        policy=policy,
        jobs=options.jobs or _num_cores(),
        time_limit_seconds=options.time_limit,
        skip_bad=options.skip_bad,
    )
    return run(settings)


def _check(options: argparse.Namespace) -> None:
    if not 0 <= options.jobs <= MAX_JOBS:
        raise GradeError(f"--jobs must be between 0 (all cores) and {MAX_JOBS}, not {options.jobs}.")
    if not (math.isfinite(options.time_limit) and 0 < options.time_limit <= MAX_SECONDS):
        raise GradeError(
            f"--time-limit must be above 0 and at most {MAX_SECONDS:g} seconds, not {options.time_limit:g}."
        )
    if options.prediction_key == options.reference_key and not options.audit:
        raise GradeError(
            f"Prediction and reference are both under {options.reference_key!r}; --audit compares them so."
        )


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine("grade", _DESCRIPTION, _EPILOG + policy_help())
    add = parser.add_argument
    add(
        "source",
        metavar="IN",
        nargs="?",
        default=STANDARD,
        help="a file of JSON lines; standard input if - or left out",
    )
    add(
        "--out",
        metavar="OUT",
        help="write the graded lines to this file, whole or not at all (default: standard output)",
    )
    add(
        "--prediction-key",
        metavar="KEY",
        default="prediction",
        help="where the prediction stands (default: %(default)s)",
    )
    add("--reference-key", metavar="KEY", default="reference", help="where the reference stands (default: %(default)s)")
    add("--grade-key", metavar="KEY", default="grade", help="where the grade goes (default: %(default)s)")
    add("--jobs", metavar="N", type=int, default=1, help="processes; 0 is one a core (default: %(default)s)")
    add(
        "--policy", metavar="KEY=VALUE", action="append", default=[], help="what counts as equal, see below; repeatable"
    )
    add("--time-limit", metavar="SECONDS", type=float, default=5.0, help="for one comparison (default: %(default)g)")
    add("--skip-bad", action="store_true", help="report lines that cannot be graded and leave them out")
    add(
        "--audit",
        action="store_true",
        help="grade each reference against itself and list what fails; --out gets all of it",
    )
    return parser
