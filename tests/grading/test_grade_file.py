"""Lines are read with their place and their fault, one at a time, and go out as they came in."""

from __future__ import annotations

import io
import json
import os
import tracemalloc

import pytest

from synthscale.grading import file as grade_file
from synthscale.grading.file import (
    BadLine,
    GradeError,
    Keys,
    Line,
    open_source,
    raw_parts,
    read_part,
    shortened,
)
from synthscale.grading.sink import graded_line, open_sink, refuse_same_file

KEYS = Keys(prediction="prediction", reference="reference", grade="grade")
AUDIT = Keys(prediction=None, reference="answer", grade="grade")
GOOD = b'{"prediction": "1", "reference": "2"}'


def read(content: bytes, keys: Keys = KEYS) -> list[Line | BadLine]:
    return [line for part in raw_parts(io.BytesIO(content), 3, 2**20) for line in read_part(part, keys)]


def texts(content: bytes, keys: Keys = KEYS) -> list[tuple[str, str]]:
    return [(line.prediction, line.reference) for line in read(content, keys)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (GOOD, ("1", "2")),
        (b'{"prediction": 42, "reference": -0.50}', ("42", "-0.50")),
        (b'{"prediction": 1.50e3, "reference": 1E5}', ("1.50e3", "1E5")),
        (b'{"prediction": ' + b"9" * 5000 + b', "reference": 1}', ("9" * 5000, "1")),
        (b'{"prediction": null, "reference": "2"}', ("", "2")),
        (b'{"prediction": "", "reference": ""}', ("", "")),
        (b'{"prediction": "\\u0000", "reference": "\\ud800"}', ("\0", "\ud800")),
        ('{"prediction": "½\u2028", "reference": "二"}'.encode(), ("½\u2028", "二")),
        (b'{"prediction": "1", "reference": "2", "logprob": NaN, "other": [true, null]}', ("1", "2")),
        (b'\t {"prediction": "1", "reference": "2"} \r', ("1", "2")),
        (b"\xef\xbb\xbf" + GOOD, ("1", "2")),
    ],
)
def test_a_good_line_has_two_texts(line, expected):
    assert texts(line + b"\n") == [expected]


def test_an_audit_needs_the_reference_alone_and_takes_it_twice():
    assert texts(b'{"answer": 42}\n{"answer": "1", "prediction": []}', AUDIT) == [("42", "42"), ("1", "1")]


BAD = {
    b"{": "is not JSON: Expecting property name enclosed in double quotes, column 2",
    b"1 2": "is not JSON: Extra data, column 3",
    b"\0\0\0": "is not JSON: Expecting value, column 1",
    b'{"prediction": "\0", "reference": "1"}': "is not JSON: Invalid control character at, column 17",
    GOOD + b"\x0c": "is not JSON: Extra data, column 38",
    GOOD + GOOD: "is not JSON: Extra data, column 38",
    b'{"prediction": "\xff", "reference": "1"}': "is not UTF-8: byte 0xff, column 17",
    b'{"prediction": "\xed\xa0\x80", "reference": "1"}': "is not UTF-8: byte 0xed, column 17",
    b"\x1f\x8b\x08": "is not UTF-8: byte 0x8b, column 2 (a compressed file has to be unpacked first)",
    b"[" * 100_000: "is nested too deeply",
    b'{"prediction": ' + b"[" * 100_000: "is nested too deeply",
    b"[1]": "holds a list, where an object is needed",
    b'"1"': "holds a text or a number, where an object is needed",
    b"12": "holds a text or a number, where an object is needed",
    b"null": "holds null, where an object is needed",
    b"NaN": "holds NaN, where an object is needed",
    b"{}": 'has no key "reference", only braces: --reference-key names another',
    b'{"prediction": "1", "answer": "2"}': (
        'has no key "reference", only "prediction", "answer": --reference-key names another'
    ),
    b'{"reference": "1", "r\\u001b\\n": 1}': (
        'has no key "prediction", only "reference", "r  ": --prediction-key names another'
    ),
    b'{"prediction": NaN, "reference": "1"}': 'holds NaN under "prediction", where a text or a number is needed',
    b'{"prediction": "1", "reference": -Infinity}': (
        'holds -Infinity under "reference", where a text or a number is needed'
    ),
    b'{"prediction": true, "reference": "1"}': 'holds true under "prediction", where a text or a number is needed',
    b'{"prediction": ["1"], "reference": "1"}': 'holds a list under "prediction", where a text or a number is needed',
    b'{"prediction": {}, "reference": "1"}': 'holds an object under "prediction", where a text or a number is needed',
    b'{"prediction": "1", "reference": null}': 'holds null under "reference", where a text or a number is needed',
    b'{"prediction": "1", "reference": "1", "grade": 8}': (
        'has a key "grade" already: --grade-key names another'
    ),
}  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), BAD.items(), ids=lambda value: str(value[:30]))
def test_a_bad_line_has_a_reason_and_harms_no_other(line, reason):
    first, bad, last = read(GOOD + b"\n" + line + b"\n" + GOOD)
    assert bad == BadLine(2, reason)
    assert (first.number, last.number, last.prediction) == (1, 3, "1")


def test_many_keys_are_not_all_named():
    line = json.dumps({f"key{number}": 0 for number in range(9)}).encode()
    assert read(line)[0].reason.endswith('"key7", …: --reference-key names another')


def test_blank_lines_are_skipped_and_counted_as_lines():
    assert [line.number for line in read(b"\n" + GOOD + b"\n\n \t\r\n" + GOOD + b"\n\n")] == [2, 5]
    assert read(b"") == read(b"\n") == []


def test_the_last_line_needs_no_break_and_ends_count_all_bytes():
    content = GOOD + b"\r\n\n" + GOOD
    assert [part.end for part in raw_parts(io.BytesIO(content), 1, 2**20)][-1] == len(content)


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(grade_file, "MAX_LINE_BYTES", 2**20)
    content = b"\0" * (20 * 2**20) + b"\n" + GOOD
    file = io.BytesIO(content)
    tracemalloc.start()
    first, second = raw_parts(file, 1, 2**30)
    (bad,), (good,) = read_part(first, KEYS), read_part(second, KEYS)
    assert tracemalloc.get_traced_memory()[1] < 6 * 2**20
    tracemalloc.stop()
    assert bad == BadLine(1, "is longer than 1 MiB")
    assert (good.number, second.end) == (2, len(content))


@pytest.mark.parametrize(
    "content",
    [
        '{"prediction": "½ \\u00bd", "reference": 1.500, "b": [1e5, NaN], "a": "\\ud800", "a": 2}',
        '{"prediction":"1","reference":"2"}',
        '{ "prediction" : "1", "reference": 9007199254740993 , "grades": {"x": {}} }',
    ],
)
def test_a_line_goes_out_as_it_came_in_with_one_key_more(content):
    (line,) = read(content.encode())
    grade = {"verdict": "wrong", "extracted": "二\n\\\ud800", "side": None}
    written = graded_line(line, "grade", grade)
    assert written.startswith(content.encode()[:-1].rstrip())
    assert written.count(b"\n") == 1
    assert "二".encode() in written
    read_back = json.loads(written.decode())  # is UTF-8
    assert read_back.pop("grade") == grade
    assert str(read_back) == str(json.loads(content))


def test_an_output_is_there_whole_or_not_at_all(tmp_path):
    out = tmp_path / "new" / "out.jsonl"
    with open_sink(str(out)) as sink:
        sink.write(b"first\n")
        sink.flush()
        assert not out.exists()
    assert out.read_bytes() == b"first\n"
    with pytest.raises(KeyboardInterrupt), open_sink(str(out)) as sink:
        sink.write(b"second\n")
        raise KeyboardInterrupt
    assert out.read_bytes() == b"first\n"
    assert os.listdir(out.parent) == ["out.jsonl"]


def test_an_output_goes_through_a_link_and_into_what_is_no_file(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    for path in (link, "/dev/null"):
        with open_sink(str(path)) as sink:
            sink.write(b"first\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"first\n"
    assert not os.path.isfile("/dev/null")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/dev/full", "Cannot write /dev/full: No space left on device."),
        ("/", "Cannot write /: Is a directory."),
        ("/dev/null/out", "Cannot write /dev/null/out: "),
        ("/tmp/" + "x" * 300, "File name too long."),
    ],
)
def test_what_cannot_be_written_is_one_sentence(path, words):
    with pytest.raises(GradeError) as caught, open_sink(path) as sink:
        sink.write(b"x" * 2**20)
    assert words in str(caught.value)


def test_input_and_output_are_not_the_same_file(tmp_path):
    path, link, hard = tmp_path / "a.jsonl", tmp_path / "link", tmp_path / "hard"
    path.write_bytes(GOOD)
    link.symlink_to(path)
    hard.hardlink_to(path)
    with open_source(str(path)) as source:
        assert source.num_bytes == len(GOOD)
        for same in (path, link, hard):
            with pytest.raises(GradeError, match="would overwrite"):
                refuse_same_file(source, str(same))
        refuse_same_file(source, str(tmp_path / "other"))
        refuse_same_file(source, "-")


def test_a_text_is_shortened_in_its_middle_and_says_nothing_to_the_terminal():
    assert shortened("short", 100) == "short"
    assert shortened("a" * 90 + "#### 72", 20) == "aaaaaaaa … a#### 72"
    assert shortened("a\n\x1b[31m\u202eb\ud800", 20) == "a  [31m b "
