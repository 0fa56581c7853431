"""The command line: finds the command among the installed entry points and hands the rest of the line to it.

Nothing of a room is imported before its command is asked for, so that help answers at once; the commands' descriptions
are read from the source of their modules. Any package can add a command in the entry-point group `synthscale.commands`.
"""

from __future__ import annotations

import ast
import difflib
import os
import sys
from importlib import metadata, util
from pathlib import Path

GROUP = "synthscale.commands"
USAGE = "Usage: synthscale COMMAND ...   (synthscale COMMAND --help says more)"


def main() -> int:
    """Run the command that the first argument names, and return the exit status."""
    commands = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(help_text(commands))
        return 0
    if name == "--version":
        print(metadata.version("synthscale"))
        return 0
    if name not in commands:
        close = difflib.get_close_matches(name, commands, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        print(f"There is no command {name!r}{hint}; accepted are {', '.join(sorted(commands))}.", file=sys.stderr)
        return 2
    try:
        return int(commands[name].load()(rest) or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, `head` for instance, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def help_text(commands: dict[str, metadata.EntryPoint]) -> str:
    """Usage and one line a command."""
    lines = [f"  {name:<10} {description(entry.module)}" for name, entry in sorted(commands.items())]
    return "\n".join([USAGE, "", *lines])


def description(module: str) -> str:
    """The first line of the module's docstring, read from its source without running it."""
    try:
        spec = util.find_spec(module)
        source = Path(spec.origin).read_text() if spec is not None and spec.origin is not None else ""
        return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    except (ImportError, OSError, SyntaxError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
