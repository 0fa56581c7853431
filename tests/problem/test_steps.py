"""Where steps end, that none ends inside a formula, and that nothing of a solution is lost."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synthscale.problem import StepBoundary, exact_steps, join_steps, split_steps
from synthscale.problem.formulas import FormulaKind, formulas

SAMPLE = Path(__file__).with_name("gsm8k_sample.jsonl")  # licence and source in gsm8k_sample.md
GSM8K = [json.loads(line)["answer"] for line in SAMPLE.read_text().splitlines()]
BOUNDARIES = list(StepBoundary)
CUT = "⏎"  # in the tables below, where a step ends

# Theorems: about any text, and about texts of what could go wrong.

WORDS = [
    "a",
    "B",
    "5",
    ".",
    "!",
    "? ",
    " ",
    "\n",
    "\n\n",
    "\t\n",
    ". Then ",
    "...",
    "\u2028",
    "a.m.",
    "Ünder",
    "Mr.",
    "1.",
]
MARKS = ["$", "$$", r"\[", r"\]", r"\(", r"\)", "{", "}", "<<", ">>", "[asy]", "[/asy]", "\\", "$5", "x = 3.", '."']
NAMED = [r"\begin{a}", r"\end{a}", r"\begin{asy}", r"\end{asy}", "#### 1", "The answer is 5"]
PIECES = st.lists(st.sampled_from([*WORDS, *MARKS, *NAMED]), max_size=40)
TEXTS = st.one_of(st.text(), PIECES.map("".join), PIECES.map(" ".join))


def lines_of(solution: str) -> list[str]:
    """The definition that `StepBoundary.line` has to meet."""
    return [line.strip() for line in solution.split("\n") if line.strip()]


@settings(max_examples=400, deadline=None)
@given(solution=TEXTS, boundary=st.sampled_from(BOUNDARIES))
def test_exact_steps_joined_are_the_solution_and_stripped_are_the_steps(solution, boundary):
    exact = exact_steps(solution, boundary)
    assert "".join(exact) == solution
    assert [step.strip() for step in exact if step.strip()] == split_steps(solution, boundary)
    assert all(step.strip() for step in exact) or exact == [solution]
    for k in range(len(exact) + 1):
        assert solution.startswith("".join(exact[:k]))


@settings(max_examples=400, deadline=None)
@given(solution=TEXTS)
@example("\u2028\n \x1c\n a \r\n\x0bb")
def test_by_lines_the_steps_are_the_lines_that_are_not_empty(solution):
    assert split_steps(solution) == split_steps(solution, StepBoundary.line) == lines_of(solution)
    assert [s.strip() for s in exact_steps(solution) if s.strip()] == lines_of(solution)
    assert lines_of(join_steps(split_steps(solution))) == lines_of(solution)


@settings(max_examples=400, deadline=None)
@given(solution=TEXTS, boundary=st.sampled_from([StepBoundary.line, StepBoundary.sentence]))
def test_a_prefix_of_whole_steps_has_just_these_steps(solution, boundary):
    """Not by line_or_sentence: a prefix of one line is split into sentences, where the solution is split into lines."""
    solution = solution.replace("answer", "result")  # a final answer is one by what follows it
    exact = exact_steps(solution, boundary)
    for k in range(len(exact) + 1):
        assert exact_steps("".join(exact[:k]), boundary) == exact[:k]


@settings(max_examples=200, deadline=None)
@given(solution=TEXTS)
def test_formulas_are_in_order_and_apart(solution):
    found = formulas(solution)
    offsets = [place for f in found for place in (f.start, f.content_start, f.content_end, f.end)]
    assert offsets == sorted(offsets)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert all(0 <= f.start < f.end <= len(solution) for f in found)


WRAPPED = [
    *[("$", "$"), ("$$", "$$"), (r"\(", r"\)"), (r"\[", r"\]"), (r"\boxed{", "}"), (r"\text{", "}"), ("<<", ">>")],
    *[(r"\begin{align*}", r"\end{align*}"), (r"\begin{cases}", r"\end{cases}"), ("[asy]", "[/asy]")],
    *[(r"\begin{asy}", r"\end{asy}"), (r"\[\begin{array}{cc}", r"\end{array}\]"), (r"$\text{if \(a", r"b\) so}$")],
]
INSIDE = st.lists(st.sampled_from(["x. Then", "A! 5", "B? \\alpha", "i.e. C", "= 3.", "y;"]), min_size=1, max_size=6)


@pytest.mark.parametrize(("opening", "closing"), WRAPPED)
@pytest.mark.parametrize("boundary", [StepBoundary.sentence, StepBoundary.line_or_sentence])
@settings(max_examples=25, deadline=None)
@given(inside=INSIDE, gap=st.sampled_from([" ", "\n", " \n "]))
def test_no_step_ends_inside_a_formula(opening, closing, boundary, inside, gap):
    gap = " " if opening == "<<" else gap  # GSM8K's markup is of one line
    formula = opening + gap.join(inside) + closing
    for before, after in (("", ""), ("We see. ", " Then so. "), ("We see\n", "\nIt is.\n\nSo.")):
        steps = split_steps(before + formula + after, boundary)
        assert sum(formula in step for step in steps) == 1


# Tables

SENTENCES = [
    "She has 3.5 kg.⏎ He has 4. apples.",
    "Mr. Smith, Mrs. Jones and Dr. Who have 12 vs. 15 cows.⏎ See No. 5 and Fig. 3.⏎ No.⏎ Then 5 ft. 3 inches.",
    "They leave at 5 a.m. Monday and 6 p.m. Tuesday.⏎ They come at 5 a.m.⏎ They stay, e.g. Two days, i.e. 48 hours.",
    "J. K. Rowling and George R. R. Martin met J.R. Tolkien.⏎ It is in the U.S. Congress.",
    "It goes on... Then it stops. . . Then on… Then off.⏎ It ends.",
    "Is it?⏎ Yes!⏎ 5 it is!⏎ $x$ it is.⏎ \\(y\\) it is.⏎ \\[z\\]⏎ So it is?!⏎ Good.",
    "1. First we add.⏎ 2. Second we take.⏎ Step 3. Third we go.⏎ (4). Fourth.⏎ a. Fifth.⏎ **Step 6.** Sixth.",
    "\\textbf{Step 1.} First.⏎ \\textbf{Step 2.} Second.",
    "There are 5!⏎ Ways of it.⏎ There are 5! 3! of them.⏎ So n! 4 is.",
    'He said "Go."⏎ She went (on foot.)⏎ "Well," he said.⏎ **Bold.**⏎ Then.',
    "So $x = 3.$ Then⏎".replace(" Then⏎", "⏎ Then go."),
    "So $1, 2, \\ldots, 5...$ Then go.",
    "It costs $5.⏎ He pays $7.⏎ So he gets ($2).⏎ It is $1.50.⏎ So $x = 2$.⏎ And $y$ too.",
    "He pays 7*$.50=$<<7*.5=3.5>>3.5.⏎ Then $4.",
    "It is 48/2 = <<48/2=24>>24.⏎ Then 24. <<24+1=25>>25 it is.",
    "lower. case. goes on.⏎ x + 3 = 7.⏎ 5 is it.",
    "Let it be 5x.⏎ Then 20 = A.⏎ The cost is 1/4*X.⏎ Jeff paid.",
    "hard-wrapped lines of\nText are one\nSentence.⏎ Then a\n\n⏎paragraph\n\n⏎Ends it",
    "We have \\[x = 3.\\]⏎ Therefore $$y = 4$$⏎ So \\[z = 5,\\] Alice says, where $a$ is.",
    "See J. Smith and e.g.\nThen 3\n\\begin{align*}x &= 3. \\\\\n\n&= 4. Then\\end{align*}\n⏎Then go.",
    "Unclosed $x. ⏎Then".replace(". ⏎", ".⏎ ") + " \\[ y.⏎ Then \\begin{a} z.⏎ Then {w.⏎ Then <<v.⏎ Then [asy] u.⏎ So",
    "Two + two. The answer is 4",
    "Two + two. #### 4",
    "  White space. \n",
    "",
]


@pytest.mark.parametrize("marked", SENTENCES)
def test_sentences(marked):
    steps = exact_steps(marked.replace(CUT, ""), StepBoundary.sentence)
    assert CUT.join(steps) == marked


LINES_OR_SENTENCES = [
    "One. Two.\n⏎Three.",
    "One.⏎ Two.",
    "One.⏎ Two.\n#### 18",
    "One. Two.\n⏎Three.\n\n#### 18\n",
    "One.\n⏎Two.\n#### 1,800\nThe answer is: 1800",
    "One.\n⏎Two.\nTherefore, the final answer is $\\boxed{5}$.",
    "One.\n⏎Two.\n⏎The answer is $5 + 3 = 8$, so Tom has 8.",  # says more than the answer
    "One.\n⏎#### Step 2: two\n⏎Two.\n#### 18 apples",  # a heading
    "#### 18",
    "We have\n\\[x = 3.\\]\n⏎Therefore\n\n\\[y = 4\\]\n⏎So\n$$z = 5,$$\nwhere $a$ is.\n⏎Done.",
    "It is done.\n⏎\\[x = 3\\]\n⏎Then.",  # completes nothing
    "Then\n\\begin{align*}\nx &= 3. \\\\\n\n&= 4,\n\\end{align*}\nso that $y$.\n⏎See.\n[asy]\ndraw. Then\n\n[/asy]\n",
    "[asy]\ndraw;\n[/asy]\nLet it be.\n⏎Then.",
    "Let $x =\n3$ be.\n⏎Then $y = 4$\n⏎so $z$.",
    "It is $5 + 3\n⏎of them, and $6.\n⏎So.",  # money does not go on after its line
    "\n  First.\r\n\r\n⏎  Second.  \n",
]


@pytest.mark.parametrize("marked", LINES_OR_SENTENCES)
def test_lines_or_sentences(marked):
    steps = exact_steps(marked.replace(CUT, ""), StepBoundary.line_or_sentence)
    assert CUT.join(steps) == marked


def test_line_breaks_belong_to_the_step_before_and_spaces_to_the_step_after():
    assert exact_steps("One. \n \n  Two.", StepBoundary.line) == ["One. \n \n", "  Two."]
    assert exact_steps("One.  Two.", StepBoundary.sentence) == ["One.", "  Two."]
    assert exact_steps(" \n ") == [" \n "] and split_steps(" \n ") == []


@pytest.mark.parametrize("solution", GSM8K)
def test_a_line_of_gsm8k_is_a_step_and_its_answer_belongs_to_the_last(solution):
    *lines, answer = lines_of(solution)
    assert split_steps(solution) == [*lines, answer]
    assert [" ".join(s.split()) for s in split_steps(solution, StepBoundary.line_or_sentence)] == [
        *lines[:-1],
        f"{lines[-1]} {answer}",
    ]


@pytest.mark.parametrize("solution", GSM8K)
def test_a_solution_of_gsm8k_in_one_paragraph_ends_its_steps_where_its_lines_end(solution):
    lines = [line if line.endswith(".") else line + "." for line in lines_of(solution)[:-1]]
    steps = split_steps(" ".join(lines), StepBoundary.line_or_sentence)
    ends_of_steps, ends_of_lines = (set(itertools.accumulate(len(s) + 1 for s in of)) for of in (steps, lines))
    assert ends_of_lines <= ends_of_steps
    inner = {text for text in steps if text not in lines}
    assert len(ends_of_steps - ends_of_lines) <= 2 and all(text.endswith(".") for text in inner)


def test_kinds_of_formulas():
    text = (
        r"$a$ \(b\) \[c\] $$d$$ \begin{cases}e\end{cases} [asy]f[/asy] \begin{asy}g\end{asy} <<h>> \boxed{i} $5 \$j\$"
    )
    assert [(f.kind.name[:4], text[f.content_start : f.content_end]) for f in formulas(text)] == [
        *[("inli", "a"), ("inli", "b"), ("disp", "c"), ("disp", "d"), ("disp", "e"), ("draw", "f"), ("draw", "g")],
        *[("mark", "h"), ("inli", "i")],
    ]
    nested = r"\begin{a}\begin{b}\begin{a}\end{a}\end{a} {x{y}z} \end{b} \begin{c}"
    assert [nested[f.start : f.end] for f in formulas(nested)] == [
        r"\begin{a}\begin{b}\begin{a}\end{a}\end{a}",
        r"{x{y}z}",
    ]
    assert formulas(r"\[ \begin{x} \]")[0].kind is FormulaKind.display


HOSTILE = [
    *["a. B ", "A. ", ". ", "....", "$", "$x ", "x$ ", "$1 x$\n", "$$", "{", "{}", "}", "<<", "<<a ", r"\[", r"\( \) "],
    *[
        r"\begin{a}",
        r"\begin{a} \end{b} ",
        r"\begin{a}\begin{b}\end{a} ",
        "[asy] x [/asy] ",
        "[asy]x[/asy] \nB. ",
        "\n",
    ],
    *[
        " ",
        "\n \n",
        "\\",
        "1. ",
        "i.e. ",
        "The answer is ",
        "#### ",
        "a.b.",
        '.""" ',
        "x = 1 + ",
        "(",
        "\u2028",
        "A" * 99,
    ],
]


def seconds_to_split(text: str, boundary: StepBoundary) -> float:
    started = time.process_time()
    assert "".join(exact_steps(text, boundary)) == text
    return time.process_time() - started


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_take_linear_time(unit):
    """About 0.1 seconds on an idle machine; quadratic time would be minutes."""
    num = 50_000 // len(unit)
    for boundary, start in itertools.product(BOUNDARIES, ("", "$1 " + " " * 50_000)):
        assert seconds_to_split(start + unit * num, boundary) < 1.0


@pytest.mark.parametrize("unit", ["A. ", "$1 x$\n", r"\begin{a} \end{b} "])
def test_a_hostile_megabyte_takes_about_a_second(unit):
    assert seconds_to_split(unit * (1_000_000 // len(unit)), StepBoundary.sentence) < 5.0
