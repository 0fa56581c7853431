"""Mistakes a user can mend, told in one sentence.

A missing column is no bug, so it is a `UserError` and gets no traceback: the command prints the sentence to stderr and
exits with 2, as argparse does for a wrong option.
"""

import sys
from collections.abc import Callable
from functools import wraps

from synthscale.command_line import EXIT_USER_ERROR
from synthscale.study.error import UserError


def one_sentence_errors(main: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Wrap a command's main so that a UserError, or a file that may not be read, becomes one line and exit code 2."""

    @wraps(main)
    def wrapped(argv: list[str]) -> int:
        try:
            return main(argv)
        except UserError as error:
            print(f"synthscale: {error}", file=sys.stderr)
            return EXIT_USER_ERROR
        except PermissionError as error:
            print(f"synthscale: cannot use {error.filename}: {error.strerror}", file=sys.stderr)
            return EXIT_USER_ERROR

    return wrapped
