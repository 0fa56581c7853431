"""The options of commands that take them by argparse: --help as argparse writes it, a mistake told in one sentence."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

EXIT_USER_ERROR = 2


class CommandLine(argparse.ArgumentParser):
    """A parser without abbreviations whose errors are one line on standard error, without the usage; status 2."""

    def __init__(self, command: str, description: str, epilog: str | None = None) -> None:
        """Of `synthscale COMMAND`; description and epilog are printed as they are."""
        super().__init__(
            prog=f"synthscale {command}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit."""
        print(f"{self.prog}: {message.rstrip('.')}; see {self.prog} --help.", file=sys.stderr)
        raise SystemExit(EXIT_USER_ERROR)
