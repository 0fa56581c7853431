"""Records: one typed row a point, kept as one file each, and the study's tables built from all of them.

A row that was not measured is None and an empty cell, never 0 and never NaN. Many processes may finish points of
one study at once: each writes its own record's file, then rebuilds the tables from all files under a lock, so the
last one's table holds everything.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from synthscale.durable import write_durably
from synthscale.stage.stage import Artifact
from synthscale.study.config import RunConfig
from synthscale.study.recipe import Point
from synthscale.study.store import ArtifactStore
from synthscale.study.variant import Placed, variants

log = logging.getLogger(__name__)

ALGORITHM_ORDER = (
    "sft",
    "sft_matched",
    "rft",
    "rft_from_base",
    "rft_filtered",
    "dpo",
    "step_dpo",
    "step_mix",
    "advantage_weighted",
)
"""The order of rows and tables: from the baseline to the paper's method; others follow by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A point's axes, what it reached, what it cost, and where it lies."""

    study: str
    task: str
    model: str
    algorithm: str
    data_size: int  # problems
    negative_fraction: float | None
    seed: int
    num_test: int | None = None
    test_accuracy: float | None = None
    test_error: float | None = None
    test_accuracy_low: float | None = None  # Wilson, 95 %
    test_accuracy_high: float | None = None
    pass_at_1: float | None = None
    pass_at_4: float | None = None
    pass_at_16: float | None = None
    maj_at_1: float | None = None
    maj_at_4: float | None = None
    maj_at_16: float | None = None
    wrong_step_share: float | None = None  # of right answers, those that hold a wrong step
    wrong_decision_share: float | None = None  # of all test problems, those whose first wrong step is a decision
    wrong_execution_share: float | None = None  # and those where it is an execution
    pit_precision: float | None = None  # of chosen pits, those that are truly wrong steps
    num_accepted_judged: int | None = None  # accepted samples that a filter by advantage looked at
    num_accepted_dropped: int | None = None
    filter_precision: float | None = None  # of those it dropped, those that hold a wrong step
    filter_recall: float | None = None  # of those that hold a wrong step, those it dropped
    num_updates: int | None = None  # over the point's fine-tunings; the base's pretraining is not counted
    num_train_positives: int | None = None  # where steps are weighed, wrong samples among them
    num_train_pairs: int | None = None
    num_train_tokens: int | None = None
    num_sampled_tokens: int | None = None  # to train on: samples and rollouts, not the evaluation's
    num_rollouts: int | None = None
    train_seconds: float | None = None
    sample_seconds: float | None = None
    device: str | None = None
    artifact: str | None = None  # key of the point's last artifact
    variant: str | None = None  # the settings beside the axes that vary in the study: study/variant.py


COLUMNS = tuple(column.name for column in fields(Record))
_EVALUATED = COLUMNS[COLUMNS.index("num_test") : COLUMNS.index("pit_precision")]
_COMPOSED = COLUMNS[COLUMNS.index("pit_precision") : COLUMNS.index("num_updates")]
_TYPES = typing.get_type_hints(Record)


def study_folder(config: RunConfig) -> Path:
    """Where a study keeps its records, curves, errors and report."""
    return Path(config.runs_dir) / config.study_name


def point_name(point: Point) -> str:
    """A file name for the point: its axes to read, and the hash of its axes and of its last key to tell it apart."""
    config = point.config
    axes = [config.task.name, config.model.name, config.algorithm.name]
    numbers = [config.data_size, config.mixture.negative_fraction, config.seed]
    digest = hashlib.sha256(json.dumps([*axes, *numbers, point.root.key]).encode()).hexdigest()
    return f"{config.algorithm.name}-N{config.data_size}-seed{config.seed}-{digest[:8]}"


def make_record(point: Point, store: ArtifactStore) -> Record:
    """The point's row, from the manifests of its own graph."""
    config = point.config
    found = {node.key: (node.stage, store.find(node)) for node in point.root.walk()}

    def of(*stages: str) -> list[Artifact]:
        return [artifact for stage, artifact in found.values() if stage in stages and artifact is not None]

    evaluated = of("evaluate")[-1].measures if of("evaluate") else {}
    composed = of("compose")[-1].measures if of("compose") else {}
    accuracy = evaluated.get("test_accuracy")
    values: dict[str, Any] = {name: evaluated.get(name) for name in _EVALUATED}
    values |= {name: composed.get(name) for name in (*_COMPOSED, "num_train_positives", "num_train_pairs")}
    values |= {name: total(of("finetune"), name) for name in ("num_updates", "num_train_tokens")}
    return Record(
        **values
        | {
            "study": config.study_name,
            "task": config.task.name,
            "model": config.model.name,
            "algorithm": config.algorithm.name,
            "data_size": config.data_size,
            "negative_fraction": config.mixture.negative_fraction,
            "seed": config.seed,
            "test_error": None if accuracy is None else round(1 - accuracy, 12),  # 0.488, not 0.48799999999999999
            "num_sampled_tokens": total(of("sample", "credit"), "num_sampled_tokens"),
            "num_rollouts": total(of("credit"), "num_rollouts"),
            "train_seconds": total_seconds(of("finetune"), "train_seconds"),
            "sample_seconds": total_seconds(of("sample", "credit"), "sample_seconds"),
            "device": devices(of("finetune", "sample", "credit")),
            "artifact": point.root.key,
        }
    )


def total(artifacts: Sequence[Artifact], name: str) -> Any:
    """The sum of a count, or None if there are no such stages or one of them did not count it."""
    counts = [artifact.measures[name] for artifact in artifacts if artifact.measures.get(name) is not None]
    return sum(counts) if counts and len(counts) == len(artifacts) else None


def total_seconds(artifacts: Sequence[Artifact], name: str) -> float | None:
    """The sum of the seconds that the stages measured around their work, without start-up and imports."""
    seconds = total(artifacts, name)
    return None if seconds is None else round(seconds, 3)


def devices(artifacts: Sequence[Artifact]) -> str | None:
    """Where the stages computed: `cpu`, or `cpu+cuda` where they differ."""
    return "+".join(sorted({artifact.manifest["device"] for artifact in artifacts})) or None


def write_record(name: str, record: Record, study: Path, settings: Mapping[str, Any] | None = None) -> None:
    """Keep the record under its point's name, in place of an earlier one of the same point.

    Cells of the earlier one stay where the artifacts that they came from have been deleted since. The settings, of
    which the study's tables name those that vary, are kept with it.
    """
    path = study / "records" / f"{name}.json"
    try:
        earlier = json.loads(path.read_bytes())
    except (OSError, ValueError):
        earlier = {}
    if isinstance(earlier, dict) and earlier.get("artifact") == record.artifact:
        known = {name: earlier[name] for name, value in asdict(record).items() if value is None and name in earlier}
        record = replace(record, **known)
    content = json.dumps(asdict(record) | {"settings": settings or {}}, indent=1, allow_nan=False) + "\n"
    write_durably(path, content.encode())


def write_tables(study: Path) -> None:
    """Rebuild the study's tables from all its records."""
    with FileLock(study / "records" / ".lock"):
        records = read_records(study)
        write_durably(study / "results.csv", csv_bytes(records))
        write_durably(study / "results.parquet", parquet_bytes(records))


def read_records(study: Path) -> list[Record]:
    """The study's records, in the order of its tables; one that cannot be read is left out with a warning.

    Of records that agree in all axes and settings the newest counts: the others were made by an earlier version, or
    from data that have changed since.
    """
    groups: dict[tuple[Any, ...], list[_Kept]] = {}
    for one in _kept_records(study):
        groups.setdefault((one.record.task, one.record.model), []).append(one)
    newest: dict[tuple[Any, ...], Record] = {}
    for group in groups.values():
        named = variants([Placed(one.record.algorithm, one.axes, one.settings) for one in group])
        for one, variant in sorted(zip(group, named, strict=True), key=lambda pair: pair[0].written):
            record = replace(one.record, variant=variant)
            newest[(record.task, record.model, record.algorithm, *one.axes, variant)] = record
    return sorted(newest.values(), key=_order)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A record as it lies in its file: with the point's settings, and when it was written, in nanoseconds."""

    record: Record
    settings: Mapping[str, Any]
    written: int

    @property
    def axes(self) -> tuple[Any, ...]:
        return (self.record.data_size, self.record.negative_fraction, self.record.seed)


def _kept_records(study: Path) -> Iterator[_Kept]:
    for path in sorted((study / "records").glob("*.json")):
        try:
            row = json.loads(path.read_bytes())
            record = Record(**{name: row[name] for name in COLUMNS if name in row})
            _check_types(record)
            yield _Kept(record, dict(row.get("settings") or {}), path.stat().st_mtime_ns)
        except (ValueError, TypeError) as error:
            log.warning("%s is no record (%s) and is left out.", path, error)


def algorithm_rank(name: str) -> tuple[int, str]:
    """A sort key for algorithms."""
    return (ALGORITHM_ORDER.index(name) if name in ALGORITHM_ORDER else len(ALGORITHM_ORDER), name)


def csv_bytes(records: Sequence[Record]) -> bytes:
    """The records as CSV; floats in full, so that they read back as they were."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in asdict(record).items()} for record in records)
    return text.getvalue().encode()


def parquet_bytes(records: Sequence[Record]) -> bytes:
    """The records as parquet with typed columns; what was not measured is null.

    From the CSV, since pyarrow makes columns of Python's objects only after it has imported pandas, for half a second.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    kinds: Mapping[type, Any] = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    types = {name: kinds[_base_type(_TYPES[name])] for name in COLUMNS}
    table = pc.read_csv(
        pa.BufferReader(csv_bytes(records)),
        pc.ReadOptions(use_threads=False),
        pc.ParseOptions(newlines_in_values=True),
        pc.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _check_types(record: Record) -> None:
    """Raise TypeError for a cell that is not of its column's type."""
    for name, value in asdict(record).items():
        kinds = typing.get_args(_TYPES[name]) or (_TYPES[name],)
        if not isinstance(value, (*kinds, int) if float in kinds else kinds):
            raise TypeError(f"{name} is {value!r}")


def _order(record: Record) -> tuple[Any, ...]:
    fraction = -1.0 if record.negative_fraction is None else record.negative_fraction
    axes = (record.task, record.model, algorithm_rank(record.algorithm), record.data_size, fraction, record.seed)
    return (*axes, record.variant or "", record.artifact or "")


def _base_type(annotation: Any) -> type:
    kinds = [kind for kind in typing.get_args(annotation) or (annotation,) if kind is not type(None)]
    return typing.cast(type, kinds[0])


def _cell(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)
