"""JSON lines for `synthscale grade`: read, checked, and told in one sentence where they cannot be graded.

Some lines are in memory at a time, whatever the size of the file.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

MAX_LINE_BYTES = 256 * 2**20  # a file without line breaks must not fill the memory
STANDARD = "-"  # how standard input and output are named on the command line
BLANK = b" \t\r\n"  # what JSON calls white space
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class GradeError(Exception):
    """What is wrong with the user's files or options, in one sentence that says what to do."""


class _MalformedError(Exception):
    """What is wrong with a line, as the end of a sentence that begins with the line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """The keys of a line: where its two texts stand (no prediction: an audit), and where its grade goes."""

    prediction: str | None
    reference: str
    grade: str


@dataclass(frozen=True, slots=True)
class RawPart:
    """Lines as they stand in the file, unread; `end` counts the bytes of the file up to the last of them.

    Of a line that is too long there is the beginning, one byte more than the limit.
    """

    first_number: int
    lines: list[bytes]
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be graded."""

    number: int
    raw: bytes
    prediction: str
    reference: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be graded, and why, as in "Line 3 of answers.jsonl " + reason."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Constant:
    """NaN, Infinity or -Infinity, which Python's JSON knows beside the standard's numbers."""

    name: str


# numbers stay the text that they are: 1.50 is not 1.5, and no number of digits is too many
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_Constant)


def raw_parts(file: BinaryIO, max_lines: int, max_bytes: int) -> Iterator[RawPart]:
    """The file from its present place, some lines at a time."""
    number, end = 1, 0
    while True:
        lines: list[bytes] = []
        num_bytes = 0
        while len(lines) < max_lines and num_bytes < max_bytes and (raw := _read_line(file, MAX_LINE_BYTES + 1)):
            lines.append(raw)
            num_bytes += len(raw) if len(raw) <= MAX_LINE_BYTES else len(raw) + _skip_rest(file, raw)
        if not lines:
            return
        end += num_bytes
        yield RawPart(number, lines, end)
        number += len(lines)


def _read_line(file: BinaryIO, max_bytes: int) -> bytes:
    """The next line, or so much of it; GradeError where the disk or the network gives none."""
    try:
        return file.readline(max_bytes)
    except OSError as error:
        raise GradeError(f"Cannot read {file.name}: {error.strerror}.") from error


def _skip_rest(file: BinaryIO, raw: bytes) -> int:
    """Go to the end of a line of which the beginning was read, and return the bytes between."""
    num_bytes = 0
    while raw and not raw.endswith(b"\n"):
        raw = _read_line(file, 2**20)
        num_bytes += len(raw)
    return num_bytes


def read_part(part: RawPart, keys: Keys) -> Iterator[Line | BadLine]:
    """Each line that is not blank; numbers count blank lines too."""
    for number, raw in enumerate(part.lines, start=part.first_number):
        is_too_long = len(raw) > MAX_LINE_BYTES
        raw = raw.removeprefix(_BYTE_ORDER_MARK if number == 1 else b"").strip(BLANK)
        if not raw:
            continue
        try:
            if is_too_long:
                raise _MalformedError(f"is longer than {MAX_LINE_BYTES // 2**20} MiB")
            yield Line(number, raw, *_texts(_parsed(raw), keys))
        except _MalformedError as error:
            yield BadLine(number, str(error))


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        compressed = (
            " (a compressed file has to be unpacked first)" if raw.startswith((b"\x1f\x8b", b"\x28\xb5")) else ""
        )
        raise _MalformedError(
            f"is not UTF-8: byte {raw[error.start]:#04x}, column {error.start + 1}{compressed}"
        ) from None
    except json.JSONDecodeError as error:
        raise _MalformedError(f"is not JSON: {error.msg}, column {error.colno}") from None
    except RecursionError:
        raise _MalformedError("is nested too deeply") from None
    if not isinstance(value, dict):
        raise _MalformedError(f"holds {_kind(value)}, where an object is needed")
    return value


def _texts(line: Mapping[str, Any], keys: Keys) -> tuple[str, str]:
    """Prediction and reference; in an audit both are the reference."""
    if keys.grade in line:
        raise _MalformedError(f"has a key {_quoted(keys.grade)} already: --grade-key names another")
    reference = _text(line, keys.reference, "--reference-key")
    if keys.prediction is None:
        return reference, reference
    if line.get(keys.prediction, "") is None:
        return "", reference  # a model that gave nothing: its answer cannot be read, the line can
    return _text(line, keys.prediction, "--prediction-key"), reference


def _text(line: Mapping[str, Any], key: str, option: str) -> str:
    if key not in line:
        present = ", ".join(map(_quoted, list(line)[:8])) + (", …" if len(line) > 8 else "")
        raise _MalformedError(f"has no key {_quoted(key)}, only {present or 'braces'}: {option} names another")
    value = line[key]
    if not isinstance(value, str):
        raise _MalformedError(f"holds {_kind(value)} under {_quoted(key)}, where a text or a number is needed")
    return value


def _kind(value: object) -> str:
    if isinstance(value, _Constant):
        return value.name
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a text or a number"


def _quoted(key: str) -> str:
    return json.dumps(shortened(key, 30), ensure_ascii=False)


def shortened(text: str, num_characters: int) -> str:
    """At most so many characters of beginning and end, on one line, nothing that a terminal would obey."""
    if len(text) > num_characters:
        half = (num_characters - 3) // 2
        text = f"{text[:half]} … {text[-half:]}"
    return "".join(character if character.isprintable() else " " for character in text)


@dataclass(frozen=True, slots=True)
class Source:
    """An opened input; `num_bytes` is known for a regular file alone, which can be gone over twice."""

    file: BinaryIO
    name: str
    num_bytes: int | None

    def refusal(self, line: BadLine) -> GradeError:
        """What ends the run at a line that cannot be graded."""
        what_to_do = "mend it, or leave out such lines with --skip-bad"
        return GradeError(f"Line {line.number} of {self.name} {line.reason}; {what_to_do}.")


@contextmanager
def open_source(path: str) -> Iterator[Source]:
    """The file, or standard input for `-`.

    Raises:
        GradeError: if it cannot be opened.
    """
    if path == STANDARD:
        if sys.stdin is None:
            raise GradeError("Standard input is closed; name a file to grade.")
        yield Source(sys.stdin.buffer, "standard input", None)
        return
    if not path:
        raise GradeError("The name of the file to grade is empty; give one, or - for standard input.")
    try:
        file = open(path, "rb")  # noqa: SIM115 - an error of reading is another thing
    except OSError as error:
        raise GradeError(f"Cannot read {path}: {error.strerror}.") from error
    with file:
        status = os.fstat(file.fileno())
        yield Source(file, path, status.st_size if stat.S_ISREG(status.st_mode) else None)
