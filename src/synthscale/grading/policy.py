"""The conventions of `synthscale grade --policy`: read from KEY=VALUE, and explained by `--help`.

The help is read from the source of the policy, comments and all, without running it: so it says what the code says, and
answers before numpy is imported.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import synthscale
from synthscale.grading.file import GradeError

if TYPE_CHECKING:
    from synthscale.problem.answer.policy import AnswerPolicy

SOURCE = Path(synthscale.__file__).parent / "problem" / "answer" / "policy.py"
_PAIR = re.compile(r"\w+=[^\s,]*")


def join_policies(arguments: Sequence[str]) -> list[str]:
    """`--policy a=b c=d` as `--policy=a=b,c=d`: argparse would take c=d, or the file after it, for the other."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--policy":
            joined[-1] = f"--policy={argument}"
        elif joined and joined[-1].startswith("--policy=") and _PAIR.fullmatch(argument):
            joined[-1] += f",{argument}"
        else:
            joined.append(argument)
    return joined


def parse_policy(texts: Sequence[str]) -> AnswerPolicy:
    """The policy of `key=value` texts, several in one text apart by commas or spaces.

    Raises:
        GradeError: if a key or value is unknown, or a key is given two values.
    """
    from synthscale.problem.answer.policy import AnswerPolicy  # brings numpy with it

    types = get_type_hints(AnswerPolicy)
    values: dict[str, Any] = {}
    for pair in re.split(r"[,\s]+", " ".join(texts).strip(", \t\n")) if texts else []:
        key, equals, text = pair.partition("=")
        if not equals:
            raise GradeError(f"--policy needs KEY=VALUE, as in percent=value, not {pair!r}.")
        if key not in types:
            raise GradeError(f"--policy has no key {key!r}{_among(key, list(types))}.")
        value = _value(key, text, types[key])
        earlier = values.setdefault(key, value)
        if earlier is not value and earlier != value:
            raise GradeError(f"--policy is given two values for {key}; keep one.")
    try:
        return AnswerPolicy(**values)
    except ValueError as error:
        raise GradeError(f"--policy: {error}") from error


def _value(key: str, text: str, wanted: type[Enum] | type[float]) -> Enum | float:
    if issubclass(wanted, Enum):
        accepted = [member.value for member in wanted]
        if text not in accepted:
            raise GradeError(f"--policy {key} cannot be {text!r}{_among(text, accepted)}.")
        return wanted(text)
    try:
        return wanted(text)
    except ValueError:
        raise GradeError(f"--policy {key} needs a number, not {text!r}.") from None


def _among(text: str, accepted: Sequence[str]) -> str:
    close = difflib.get_close_matches(text, accepted, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"{hint}; accepted are {', '.join(accepted)}"


def policy_help() -> str:
    """Each key with its values, its default and what they mean, one a line."""
    source = SOURCE.read_text(encoding="utf-8")
    comments = _comments(source)
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    lines = []
    for field in classes["AnswerPolicy"].body:
        if isinstance(field, ast.AnnAssign) and field.value is not None:
            key, default = ast.unparse(field.target), ast.unparse(field.value).rpartition(".")[2]
            kind = classes.get(ast.unparse(field.annotation))
            about = comments.get(field.lineno) or (ast.get_docstring(kind) if kind else "") or ""
            lines.append(f"  {key:<20} {about.rstrip('.')}")
            lines += _values_help(kind, default, comments) if kind else [f"    {ast.unparse(field.value)} (default)"]
    return "\n".join(line.rstrip() for line in lines)


def _values_help(kind: ast.ClassDef, default: str, comments: dict[int, str]) -> Iterator[str]:
    for node in kind.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            value = f"{node.value.value!s}{' (default)' if ast.unparse(node.targets[0]) == default else ''}"
            yield f"    {value:<23} {comments.get(node.lineno, '')}"


def _comments(source: str) -> dict[int, str]:
    """The comment at the end of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
