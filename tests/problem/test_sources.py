"""Files of a split in all the forms that are read, and what is refused where there is none or one too many."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synthscale.problem import DatasetConfig, DatasetTask, Split
from synthscale.problem.sources import Source, locate

TRAIN = [{"problem": f"What is {i} + 1?", "solution": f"It is \\boxed{{{i + 1}}}.", "level": i} for i in range(6)]
TEST = [{"problem": f"What is {i} + 2?", "solution": f"It is \\boxed{{{i + 2}}}.", "level": i} for i in range(3)]


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def texts(folder: Path, **keys: object) -> dict[Split, list[str]]:
    task = DatasetTask(DatasetConfig(name="own", source=str(folder), num_validation=2, **keys))
    return {split: [row.problem.text for row in task.rows.of(split)] for split in Split}


LAYOUTS = {
    "lines": {"train.jsonl": TRAIN, "test.jsonl": TEST},
    "list": {"train.json": TRAIN, "test.json": TEST},
    "parquet": {"train.parquet": TRAIN, "test.parquet": TEST},
    "mixed": {"train.parquet": TRAIN, "test.jsonl": TEST},
    "parts": {
        "train-00000-of-00002.parquet": TRAIN[:4],
        "train-00001-of-00002.parquet": TRAIN[4:],
        "test-00000-of-00001.parquet": TEST,
    },
    "hub's": {"data/train-00000-of-00001.parquet": TRAIN, "data/test-00000-of-00001.parquet": TEST},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_rows(tmp_path: Path, layout: str) -> None:
    for name, rows in LAYOUTS[layout].items():
        write(tmp_path / layout / name, rows)
    for name, rows in LAYOUTS["lines"].items():
        write(tmp_path / "expected" / name, rows)
    assert texts(tmp_path / layout) == texts(tmp_path / "expected")


def test_json_lines_may_be_called_json(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", TRAIN)
    (tmp_path / "train.jsonl").rename(tmp_path / "train.json")
    write(tmp_path / "test.jsonl", TEST)
    assert len(texts(tmp_path)[Split.TRAIN]) == 4


def test_splits_and_subsets_go_by_their_names(tmp_path: Path) -> None:
    write(tmp_path / "algebra" / "train-00000-of-00001.parquet", TRAIN[:3])
    write(tmp_path / "geometry" / "train-00000-of-00001.parquet", TRAIN[3:])
    for subset, rows in (("algebra", TEST[:2]), ("geometry", TEST[2:])):
        write(tmp_path / subset / "validation.jsonl", rows)
    found = texts(tmp_path, subsets=["algebra", "geometry"], test_split="validation")
    assert [len(found[split]) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)] == [4, 2, 3]
    with pytest.raises(ValueError, match=r"has no train\.jsonl"):
        texts(tmp_path, subsets=["algebra", "no_such"])


def test_a_folder_without_subsets_needs_none(tmp_path: Path) -> None:
    for name, rows in LAYOUTS["lines"].items():
        write(tmp_path / name, rows)
    assert texts(tmp_path, subsets=["main"]) == texts(tmp_path)


def test_a_split_in_two_formats_is_refused(tmp_path: Path) -> None:
    for name in ("train.jsonl", "train.parquet", "test.jsonl"):
        write(tmp_path / name, TRAIN if name.startswith("train") else TEST)
    with pytest.raises(ValueError, match=r"train\.jsonl and train\.parquet in .*: leave one of the two"):
        texts(tmp_path)


BAD = [
    (
        "train.parquet",
        [{"question": "x?", "solution": "1"}],
        r"row 1 of .*no text under 'problem'; its fields are quest",
    ),
    ("train.parquet", [*TRAIN, {"problem": None, "solution": "1"}], r"row 7 of .*no text under 'problem'"),
    ("train.json", [*TRAIN, {"problem": "x?"}], r"row 7 of .*no text under 'solution'; its fields are problem"),
    ("train.json", [*TRAIN, 7], r"row 7 of .*no JSON object"),
    ("train.jsonl", [*TRAIN, {"problem": "x?", "solution": []}], r"line 7 of .*no text under 'solution'"),
]


@pytest.mark.parametrize(("name", "rows", "sentence"), BAD)
def test_a_bad_row_is_refused_with_its_number(tmp_path: Path, name: str, rows: list, sentence: str) -> None:
    write(tmp_path / name, rows)
    write(tmp_path / "test.jsonl", TEST)
    with pytest.raises(ValueError, match=sentence):
        texts(tmp_path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_text("no parquet")
    write(tmp_path / "test.jsonl", TEST)
    with pytest.raises(ValueError, match=r"train\.parquet cannot be read as parquet"):
        texts(tmp_path)


@pytest.mark.parametrize(
    ("name", "on_hub"),
    [
        ("openai/gsm8k", True),
        ("EleutherAI/hendrycks_math", True),
        ("gsm8k", False),
        ("./openai/gsm8k", False),
        ("../gsm8k", False),
        ("/data/gsm8k", False),
        ("~/gsm8k", False),
        ("my/data/gsm8k", False),
        ("here/data", False),  # a folder of that name is there
    ],
)
def test_a_name_on_the_hub_is_told_from_a_path(tmp_path: Path, monkeypatch, name: str, on_hub: bool) -> None:
    (tmp_path / "here" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    source = Source(name)
    assert source.is_hub_name is on_hub
    if not on_hub:
        with pytest.raises(ValueError, match=r"has no train\.jsonl"):
            locate(source)
