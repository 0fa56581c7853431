"""Lines for `synthscale grade`, and the grades that come back."""

from __future__ import annotations

import json

RIGHT = '{"prediction": "the answer is 72", "reference": "12 * 6 = 72\\n#### 72"}'
WRONG = '{"prediction": "the answer is 73", "reference": "#### 72"}'


def as_line(prediction: str, reference: str) -> str:
    return json.dumps({"prediction": prediction, "reference": reference})


def grades(text: str) -> list[dict[str, str]]:
    return [json.loads(line)["grade"] for line in text.splitlines()]
