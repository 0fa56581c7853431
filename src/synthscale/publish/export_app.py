"""`synthscale export`: an artifact as a data set or model with a card, for others and for the Hugging Face hub.

    synthscale export compose-e03b DIR
    synthscale export runs/artifacts/finetune-006f9ba51f4c7833 DIR --push me/my-model --license apache-2.0

Only what reads the command line is imported here, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from synthscale.command_line import CommandLine
from synthscale.study.error import UserError

_DESCRIPTION = """\
Write an artifact to DIR, with a README.md that is a card and provenance.json, the manifests of all it was made from.

  data (teach, synthesize, sample, credit, compose)   datasets.load_dataset(DIR)
  models (pretrain, finetune)                         AutoModelForCausalLM.from_pretrained(DIR)

`ls runs/artifacts` names the artifacts; the beginning of a key will do where no other key has it.
--push uploads DIR with the login of `hf auth login` or HF_TOKEN, as a private repository unless --public is given."""
_EPILOG = """\
exit status:
  0  DIR is written, and with --push uploaded
  1  DIR is written and was not uploaded
  2  nothing was written"""
_NAME = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)


def main(arguments: list[str]) -> int:
    """Run the command; the exit status is as --help says."""
    options = _parser().parse_args(arguments)
    folder, written = Path(options.folder), False
    try:
        _check(options)
        from synthscale.publish.export import check_empty, find_export, write_export

        check_empty(folder)
        export = find_export(options.artifact, options.runs_dir, options.license)
        write_export(export, folder)
        written = True
        print(f"{export.key} is in {folder}, as a {export.kind}.")
        if options.push:
            from synthscale.publish.push import push

            print(f"Uploaded to {push(folder, options.push, export.kind, public=options.public)}.")
    except (UserError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1 if written else 2
    except OSError as error:
        print(f"Cannot write {error.filename or folder}: {error.strerror}.", file=sys.stderr)
        return 2
    return 0


def _check(options: argparse.Namespace) -> None:
    if options.push is not None and not _NAME.fullmatch(options.push):
        raise UserError(f"--push takes NAME or OWNER/NAME, not {options.push!r}.")
    if options.public and options.push is None:
        raise UserError("--public says how --push uploads; there is no --push.")
    if options.license is not None and not re.fullmatch(r"[\w.+-]+", options.license, re.ASCII):
        raise UserError(f"--license takes a name as the hub has them (mit, apache-2.0, …), not {options.license!r}.")


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine("export", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("artifact", metavar="ARTIFACT", help="a key, the beginning of one, or an artifact's folder")
    add("folder", metavar="DIR", help="a folder that is empty or not there yet")
    add("--push", metavar="NAME", help="upload to this repository on the hub")
    add("--public", action="store_true", help="let everyone see what is uploaded")
    add("--license", metavar="NAME", help="for the card; unknown where it does not follow from the source")
    add("--runs-dir", metavar="FOLDER", default="runs", help="where the artifacts are (default: %(default)s)")
    return parser
