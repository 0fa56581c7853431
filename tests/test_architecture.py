"""The arrows run one way: what each room may import, read from the source; and what only one place may do."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "synthscale"
FILES = sorted(SOURCE.rglob("*.py"))

# each room, and the rooms (or modules) of ours that it may import beside itself
ALLOWED = {
    "problem": {"durable"},
    "objective": set(),
    "scaling": set(),
    "server": {"problem", "session", "durable"},
    "policy": {"problem", "server", "session", "durable", "table"},
    "synthesis": {"problem", "server", "session"},
    "evaluation": {"problem"},
    "grading": {"problem", "evaluation.metrics", "durable", "command_line"},
    "credit": {"problem", "evaluation.metrics"},
    "mixture": {"problem"},
    "training": {"objective", "policy", "mixture.example", "problem", "session", "durable", "table"},
    "stage": {
        *("problem", "synthesis", "policy", "credit", "mixture", "objective", "training", "evaluation"),
        *("server", "session", "durable", "table"),
    },
}
ALLOWED["study"] = {*ALLOWED["stage"], "stage"}
ALLOWED["publish"] = {*ALLOWED["study"], "study", "command_line"}
FOR_TYPES_ONLY = {"evaluation": {"policy"}}

# each third-party package, and the rooms that it is at home in
HOMES = {
    "hydra": {"study", "publish"},
    "omegaconf": {"study", "publish"},
    "filelock": {"study", "problem"},
    "rich": {"study", "grading"},
    "wandb": {"study"},
    "lightning": {"training"},
    "pytorch_lightning": set(),
    "transformers": {"policy", "training"},
    "tokenizers": {"policy"},
    "peft": {"training"},
    "openai": {"server"},
    "httpx": {"server"},
    "datasketch": {"synthesis"},
    "datasets": {"problem"},
    "huggingface_hub": {"problem", "policy", "publish"},
    "scipy": {"scaling"},
    "rapidfuzz": {"mixture"},
    "matplotlib": set(),
    "plotly": set(),
    "hydra_plugins": set(),
    "synthscale_analysis": set(),
}
ONLY = {
    "objective": {"torch"},
    "scaling": {"numpy", "scipy"},
    "problem": {"numpy", "flint", "sympy", "pyarrow", "datasets", "huggingface_hub", "filelock"},
}  # third-party, beside the stdlib


def room_of(path: Path) -> str:
    """The folder under `synthscale`; the file's own name for those that stand in it."""
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def imports(path: Path, *, for_types: bool) -> Iterator[str]:
    """Every module that the file imports anywhere, `for_types` or not under TYPE_CHECKING, as a dotted name."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if (id(node) in guarded) is not for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:  # `from synthscale.stage import credit` imports a module too
                is_module = (SOURCE.parent / node.module.replace(".", "/") / f"{alias.name}.py").exists()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def ours(path: Path, *, for_types: bool = False) -> set[str]:
    """The other rooms' modules that the file imports, without the package's name."""
    names = {
        name.removeprefix("synthscale.")
        for name in imports(path, for_types=for_types)
        if name.startswith("synthscale.")
    }
    return {name for name in names if name.split(".")[0] != room_of(path)}


def theirs(path: Path) -> set[str]:
    """The third-party packages that the file imports."""
    names = {name.split(".")[0] for for_types in (False, True) for name in imports(path, for_types=for_types)}
    return names - set(sys.stdlib_module_names) - {"synthscale"}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_every_room_has_its_rule():
    rooms = {room_of(path) for path in FILES if len(path.relative_to(SOURCE).parts) > 1}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_arrows_run_one_way(path):
    allowed = ALLOWED.get(room_of(path), set())
    for_types = allowed | FOR_TYPES_ONLY.get(room_of(path), set())
    for names, rooms in ((ours(path), allowed), (ours(path, for_types=True), for_types)):
        outside = {name for name in names if not any(name == room or name.startswith(room + ".") for room in rooms)}
        assert not outside, f"{room_of(path)} may import {sorted(rooms)} of ours"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_third_party_packages_stay_at_home(path):
    room = room_of(path)
    strays = {package for package in theirs(path) if room not in HOMES.get(package, {room})}
    assert not strays
    if room in ONLY:
        assert theirs(path) <= ONLY[room]


def test_the_rules_see_what_they_forbid(tmp_path):
    """The reader of imports finds them at the top, in functions, under TYPE_CHECKING, and of modules by `from`."""
    file = tmp_path / "file.py"
    file.write_text(
        "import os, torch.nn\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from transformers import AutoModel\n"
        "def f():\n    from synthscale.stage import credit, Node\n"
    )
    assert set(imports(file, for_types=False)) >= {"os", "torch.nn", "synthscale.stage.credit", "synthscale.stage"}
    assert set(imports(file, for_types=True)) == {"transformers"}


@pytest.mark.parametrize("folder", ["launchers", "analysis"])
def test_what_stands_on_top_is_not_imported_from_below(folder):
    packages = {path.name for path in (REPOSITORY / folder).iterdir() if path.is_dir()}
    packages |= {path.stem for path in (REPOSITORY / folder).glob("*.py")}
    assert not {package for path in FILES for package in theirs(path)} & packages


# between a process and the one that started it, through a pipe that nobody else can write to
OWN_PIPES = {"grading/processes.py": {"pickle"}}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_text_is_run_and_no_pickle_is_read(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, ast.unparse(node)
        if isinstance(node, ast.Attribute):
            assert "pickle" not in node.attr, ast.unparse(node)
            assert ast.unparse(node) not in {"torch.load", "torch.save", "os.system"}, ast.unparse(node)
        if isinstance(node, ast.keyword):
            assert node.arg not in {"shell", "trust_remote_code"} or ast.unparse(node.value) == "False"
    assert not theirs(path) & {"dill", "joblib", "cloudpickle"}
    standard = {name.split(".")[0] for for_types in (False, True) for name in imports(path, for_types=for_types)}
    assert not standard & ({"pickle", "shelve", "marshal"} - OWN_PIPES.get(name_of(path), set()))


@pytest.mark.parametrize(
    "module",
    [
        "synthscale.cli",
        "synthscale.study.recipe",
        "synthscale.study.config",
        "synthscale.study.target",
        "synthscale.study.plan_app",
    ],
)
def test_planning_imports_nothing_heavy(module):
    """Help, refusals and plans answer at once because of this."""
    heavy = ["torch", "lightning", "transformers", "pandas", "wandb", "matplotlib", "scipy"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_there_are_no_empty_drawers():
    """No utils, helpers, common, manager, misc."""
    names = {part for path in FILES for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert not names & {"utils", "util", "helpers", "common", "manager", "misc"}
