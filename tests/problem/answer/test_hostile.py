"""Texts that attack the verifier: code, towers, megabytes, depth, no text at all. Each gets a verdict, in time."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import synthscale
from synthscale.problem import Verdict
from synthscale.problem.answer import Grader

LIMIT_SECONDS = 1.0
SLACK_SECONDS = 3.0  # to end a worker and start the next
REFERENCES = ["1729", r"\sqrt{1729}"]  # unrelated to every text here; a plain number, and one that needs a worker
SENTINELS = [("42", "42"), (r"\sqrt{8}", r"2\sqrt{2}"), ("x+1", "x+2"), ("43", "42"), (r"2\sin x\cos x", r"\sin 2x")]
SENTINEL_VERDICTS = [Verdict.CORRECT, Verdict.CORRECT, Verdict.WRONG, Verdict.WRONG, Verdict.CORRECT]
NINES = "9" * 1_900

TOWERS = [
    *("9^{9^{9^{9^9}}}", "9**9**9**9", "2^{10^{10}}", "9^{9^9}+x", "((10^9)!)!", "1000000!", "(10^7)!", "0!"),
    *(r"\frac{(10^7)!}{(10^7-1)!}", r"\binom{10^9}{5\cdot 10^8}", r"\binom{10^6}{5000}", "(x+1)^{10^6}"),
    *("x^{10^{100}}", "(x+y+z)^{300}", r"e^{e^{e^{10}}}", r"e^{10^{100}}", r"\sin(10^{10000})", "i^{i^{i^i}}"),
    *(r"\lfloor 10^{10000}\pi\rfloor", r"\arcsin 10^{1000}", "".join(f"(x+{k})" for k in range(60))),
    "+".join(rf"\sqrt{{{k}}}" for k in range(2, 120)),
    r"\frac{3^{37000}}{2^{59000}}" + r"\cdot\frac{3^{37000}}{2^{59000}}/\frac{3^{37000}}{2^{59000}}" * 20,
]
UNDEFINED = [
    *("1/0", "0/0", r"\frac{1}{0}", r"\frac{x}{0}", "0^0", "0^{-1}", r"\log 0", r"\log_1 5", r"\tan 90^\circ", "1:0"),
    *(
        r"\infty-\infty",
        r"0\cdot\infty",
        r"\frac{\infty}{\infty}",
        r"\sqrt{-1}",
        "(-1)!",
        r"\binom{5}{-1}",
        "0:0",
        r"0.3e5\overline{3}",
    ),
]
HUGE = [
    *("1e999999999", "1e-999999999", "1e5000", "1e-5000", "1e4999*1e4999", NINES, f"{NINES}+1", f"0.{NINES}"),
    *(rf"\sqrt{{{NINES}}}", f"{NINES[:900]}/{'7' * 900}", rf"0.\overline{{{NINES}}}", rf"\gcd({NINES[:900]},7)"),
    *("5" * 100_000, "5" * 1_000_000, "#### " + "5" * 1_000_000, "x" * 1_000_000, "1," * 500_000, "$" * 1_000_000),
    *("1+" * 500_000 + "1", "#### " + "1+" * 900 + "1", "x+" * 400 + "x", "x y " * 450, "2*" * 450 + "2"),
    *("x=" * 400 + "5", "1:" * 300 + "1", "1," * 900, r"\{" + "1," * 900 + r"1\}", r"1\pm" * 100 + "1"),
]
DEEP = [
    *("(" * 1_000 + "5" + ")" * 1_000, r"\frac{" * 300 + "1" + "}{2}" * 300, r"\sqrt{" * 400 + "2" + "}" * 400),
    *("{" * 900 + "5" + "}" * 900, "-" * 1_900 + "5", "|" * 900 + "5" + "|" * 900, "2" + "^2" * 900),
    *("2" + "^{2" * 300 + "}" * 300, r"\sin(" * 300 + "1" + ")" * 300, "[" * 900 + "5" + "]" * 900, "5" + "!" * 900),
    *(
        r"\{" * 300 + "5" + r"\}" * 300,
        "x_{" * 300 + "1" + "}" * 300,
        r"\overline{" * 200 + "1" + "}" * 200,
        "5" + "%" * 900,
    ),
    *(
        "x" + "'" * 900,
        r"\log_" * 300 + "2",
        r"\text{" * 300 + "5" + "}" * 300,
        r"\left(" * 300 + "5" + r"\right)" * 300,
    ),
]
NO_TEXT = [
    *(
        "\x00",
        "5\x00",
        "\ud800",
        "5\udfff",
        "\\text{\u1369}",
        "\\text{\u2780}",
        "\u0663",
        "\u00b2",
        "\u2460",
        "\ufdfa" * 1_900,
    ),
    *(
        "\r",
        "\u2028",
        "\u202e5",
        "\ufeff5\ufeff",
        "\\",
        "\\\\",
        "\\text{",
        "<!--",
        "\x1b[31m5",
        "🤔" * 1_900,
        "é" * 1_900,
    ),
]
PAYLOADS = [
    *(
        "__import__('os').system('touch {}')",
        "open('{}', 'w')",
        "exec(\"open('{}', 'w')\")",
        "eval(compile('1', '{}', 'exec'))",
    ),
    *("$(touch {})", "`touch {}`", "; touch {}", "\\write18{{touch {}}}", "\\input{{|touch {}}}", "\\openout1={}"),
    *("().__class__.__base__.__subclasses__()", "lambda: open('{}', 'w')", "[open('{}', 'w') for x in (5,)]", "%s%s%n"),
    *(
        "Symbol('x').__class__",
        'sympify(\'open("{}", "w")\')',
        "cos\nreduce\n(S'touch {}'\ntR.",
        "!!python/object/apply:os.system ['touch {}']",
    ),
]


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(time_limit_seconds=LIMIT_SECONDS) as grader:
        yield grader


@pytest.mark.parametrize("text", TOWERS + UNDEFINED + HUGE + DEEP + NO_TEXT, ids=lambda text: ascii(text[:24]))
def test_verdict_in_time(grader: Grader, text: str) -> None:
    """On either side, against a number and against a formula; and the next pair is judged as ever."""
    for reference in REFERENCES:
        for pair in ((text, reference), (reference, text)):
            start = time.monotonic()
            verdict = grader.grade(*pair).verdict
            assert time.monotonic() - start < LIMIT_SECONDS + SLACK_SECONDS
            assert verdict is not Verdict.CORRECT
        if verdict is Verdict.TIMEOUT:
            break  # the formula takes as long as the number
    assert grader.grade(*SENTINELS[1]).verdict is SENTINEL_VERDICTS[1]


def test_batch_keeps_order_and_count(grader: Grader) -> None:
    """Pairs between hostile ones get the verdicts that they get alone."""
    hostile = [*TOWERS[:4], *UNDEFINED, *HUGE, *DEEP, *NO_TEXT]
    pairs = [pair for text in hostile for pair in ((text, REFERENCES[0]), *SENTINELS)]
    grades = grader.grade_batch([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert len(grades) == len(pairs)
    step = 1 + len(SENTINELS)
    for k, verdict in enumerate(SENTINEL_VERDICTS, start=1):
        assert {grade.verdict for grade in grades[k::step]} == {verdict}
    assert Verdict.CORRECT not in {grade.verdict for grade in grades[::step]}


def test_code_is_not_run(grader: Grader, tmp_path: Path) -> None:
    """On either side, bare, in a box and after hashes: the file that it would make is not made."""
    made = tmp_path / "made"
    texts = [payload.format(made) for payload in PAYLOADS]
    dressed = [form % text for text in texts for form in ("%s", "\\boxed{%s}", "#### %s", "The answer is %s", "x = %s")]
    for reference in REFERENCES:
        verdicts = [grade.verdict for grade in grader.grade_batch(dressed, [reference] * len(dressed))]
        verdicts += [grade.verdict for grade in grader.grade_batch([reference] * len(dressed), dressed)]
        assert Verdict.CORRECT not in verdicts
    assert list(tmp_path.iterdir()) == []


FORBIDDEN = {"eval", "exec", "compile", "__import__", "parse_expr", "sympify", "parse_latex", "S", "lambdify", "loads"}


def names_of(tree: ast.AST) -> Iterator[str]:
    """Every name that a file calls, reads off a module, or imports; `re.compile` and `json.loads` are no danger."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("re", "json"):
            yield node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.name for alias in node.names)
            yield getattr(node, "module", None) or ""


@pytest.mark.parametrize(
    "path", sorted((Path(synthscale.__file__).parent / "problem").rglob("*.py")), ids=lambda p: p.stem
)
def test_no_text_is_evaluated(path: Path) -> None:
    """No eval, no parser of others that calls it (sympy's do), no pickle: a text is read by our own grammar alone."""
    found = set(names_of(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found & FORBIDDEN
    assert not [name for name in found if name.partition(".")[0] in ("pickle", "dill", "marshal", "shelve")]
