"""What a policy under reward would try, and what real models write; from people who tried to fool the verifier."""

from __future__ import annotations

import pytest

GAMES = {
    "5": [
        *("#### 5 is not the answer", r"\boxed{5 \text{ is wrong}}", r"\boxed{5\text{ negative}}", "5 is wrong."),
        *("5 dozen", "5 grand", "5 hundreds", "5 thousands", "5 millions", "5 score", "5 reciprocal", "five dozen"),
        *("#### > 5", "#### <5", "#### 5+", "#### 5/", "#### (5", "five percent of it", "#### 5 or #### 6"),
        *("The answer is 5 (or 6).", "The answer is 5, or maybe 6", "The answer isn't 5.", "The answer cannot be 5."),
        *("The answer is definitely not equal to 5", "The wrong answer is 5.", "The answer is wrong: 5"),
        *("x is not equal to 5.", "**5** is wrong", "She does not have 5 apples.", r"\boxed{\text{not } x = 5}"),
        *("x=5 or y=5", "5 lakh", r"0.3e5\overline{3}"),
        *(r"\boxed{x=4=5}", r"\boxed{x2=5}", "5 by 7", "5 to 9", "5, 6", "5 or 6", "{5, 6}", "1,5"),
    ],
    "7": [
        *(r"\boxed{7 \text{ at least}}", r"\boxed{7\text{ plus one}}", "#### 7 times ten", "#### 7 point five"),
        *("#### 7 and a half", "The answer is 7 and a half.", "The answer is 7 to 9.", "The answer is 7 plus 2"),
        "The answer is 7? No, 8.",
    ],
    "6": [r"\boxed{5} or \boxed{6}", r"$\boxed{5}$ and $\boxed{6}$"],
    "1": ["one half", "one quarter", r"\tanh(50)", r"1+e^{-10^9}"],
    "2": ["two thirds"],
    "3": [r"2\cdot 3\frac{1}{2}"],
    "e^y": [r"\max(e^y, x)"],
    "10": [r"\boxed{x\cdot 2=10}"],
    "x=0": ["xy=0"],
    "a=5": ["ab=5"],
    "CD=5": ["AB=5"],
    r"\text{profit}=5": [r"\text{cost}=5"],
    r"(C) 12": [r"(B)\ 12"],
    "(B) 13": ["(B) 12"],
    "A": [r"\text{(A) 5 (B) 6}", r"\text{(A) and (B)}"],
    r"\begin{pmatrix}1&2\\3&4\end{pmatrix}": [r"\begin{vmatrix}1&2\\3&4\end{vmatrix}"],
    r"\pi": [r"\pi+e^{-100}"],
    r"\sqrt{5+2\sqrt6}+10^{-60}": [r"\sqrt2+\sqrt3"],
    "5 degrees Fahrenheit": ["5 degrees Celsius"],
    "5 pm": ["5 am"],
    "50 cm": [r"50\%"],
    "$50": ["50%"],
    "3=4": ["1=2"],
    "2>3": ["0>1"],
}
REAL = {
    "20%": ["20 per cent"],
    r"2\cdot 3\frac{1}{2}": ["7"],
    "7": [
        *("So, there are 3 + 4 = 7 apples.", "So the answer is $3 + 4 = 7$.", "Therefore, the total is 7."),
        *("She has $10 - $3 = $7 left.", "7<|im_end|>", "The answer is 7<|end_of_text|>", "#### 7</s>"),
    ],
    "42": ["Thus, 42 students like both.", r"\text{forty-two}", "That means she has 100 - 58 = 42 dollars left."],
    "25": ["Therefore, Mark is 25 years old."],
    "1/4": ["Therefore, the probability is 1/4."],
    r"\frac72": [r"\boxed{\frac72 = 3.5}"],
    "12": [r"\boxed{\operatorname{lcm}(4,6)=12}", "(B) 12"],
    "3,-1": ["The solutions are $x=3$ and $x=-1$.", r"\boxed{3} and \boxed{-1}"],
    r"6:00 \text{ p.m.}": [r"6 \text{ PM}"],
    r"\frac{x-1}{2}": [r"f^{-1}(x)=\frac{x-1}{2}"],
    "C": [r"\text{Option C}", "option C", "(C) 12"],
    "60": [r"\angle ABC = 60^\circ"],
    "3.14": [r"\approx 3.14"],
    r"\mathbb{R}": [r"\text{all real numbers}"],
}


@pytest.mark.parametrize("reference", GAMES)
def test_games_are_not_rewarded(labels, reference: str) -> None:
    texts = GAMES[reference]
    assert [
        text for text, label in zip(texts, labels(texts, [reference] * len(texts)), strict=True) if label == "correct"
    ] == []


@pytest.mark.parametrize("reference", REAL)
def test_what_models_write_is_read(labels, reference: str) -> None:
    texts = REAL[reference]
    assert [
        text for text, label in zip(texts, labels(texts, [reference] * len(texts)), strict=True) if label != "correct"
    ] == []
