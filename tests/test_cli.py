"""The command line finds commands by their entry points, and answers without importing any room."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from synthscale import cli

COMMANDS = {
    "run": "synthscale.study.app:run",
    "fit": "json:loads",
    "odd": "no.such.module:main",
}


@pytest.fixture
def command_line(monkeypatch):
    """Call the command line with these arguments."""
    entries = [EntryPoint(name, value, cli.GROUP) for name, value in COMMANDS.items()]
    monkeypatch.setattr(cli.metadata, "entry_points", lambda group: entries if group == cli.GROUP else [])

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["synthscale", *arguments])
        return cli.main()

    return call


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_describes_the_commands(command_line, capsys, arguments):
    assert command_line(*arguments) == 0
    out = capsys.readouterr().out
    assert "Usage: synthscale COMMAND" in out
    assert "`synthscale run`: a Hydra application" in out


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nonsense", "There is no command 'nonsense'; accepted are fit, odd, run."),
        ("rum", "There is no command 'rum' (did you mean run?); accepted are fit, odd, run."),
        ("--run", "There is no command '--run' (did you mean run?); accepted are fit, odd, run."),
    ],
)
def test_an_unknown_command_is_one_sentence_and_exit_2(command_line, capsys, name, sentence):
    assert command_line(name) == 2
    assert capsys.readouterr().err == sentence + "\n"


def test_a_command_gets_the_rest_of_the_line_and_gives_the_status(command_line, monkeypatch):
    seen = []

    def load(self):
        return lambda arguments: seen.append(arguments) or 3

    monkeypatch.setattr(EntryPoint, "load", load)
    assert command_line("run", "algorithm=sft", "-m") == 3
    assert seen == [["algorithm=sft", "-m"]]


def test_a_command_that_returns_nothing_went_well_and_ctrl_c_is_130(command_line, monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(EntryPoint, "load", lambda self: lambda arguments: None)
    assert command_line("run") == 0
    monkeypatch.setattr(EntryPoint, "load", lambda self: interrupted)
    assert command_line("run") == 130


@pytest.mark.parametrize("arguments", [["--help"], ["nonsense"]])
def test_help_and_refusal_import_no_room(arguments):
    code = (
        "import sys, json; from synthscale import cli; sys.argv = ['synthscale', *json.loads(sys.argv[1])]; "
        "cli.main(); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert modules.isdisjoint({"torch", "hydra", "omegaconf", "numpy", "pandas", "rich"})
    assert {name for name in modules if name.startswith("synthscale.")} <= {
        "synthscale.cli",
        "synthscale.grading",
        "synthscale.publish",
        "synthscale.study",
    }


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("fit", "synthscale fit: the following arguments are required: table, --x, --y; see synthscale fit --help."),
        ("report", "synthscale report: the following arguments are required: DIR; see synthscale report --help."),
        ("grade --seeds", "synthscale grade: unrecognized arguments: --seeds; see synthscale grade --help."),
        ("export a b --pu x", "synthscale export: unrecognized arguments: --pu x; see synthscale export --help."),
    ],
)
def test_a_mistaken_option_is_told_in_one_sentence(capsys, monkeypatch, command, said):
    monkeypatch.setattr(sys, "argv", ["synthscale", *command.split()])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert capsys.readouterr().err == said + "\n"
