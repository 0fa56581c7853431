"""The time limit holds wherever the verifier is called from, and a worker's end costs no pair but the one at work."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from synthscale.problem import Verdict
from synthscale.problem.answer import Grade, Grader
from synthscale.problem.answer.workers import GRACE_SECONDS

ENDLESS = ("9^{9^{9^9}}", "5")  # no plain number, and no ball holds it
EASY = (r"\sqrt{8}", r"2\sqrt{2}")  # needs a worker, for a moment
WRONG = (r"\sqrt{8}", r"3\sqrt{2}")
PAIRS = [EASY, ENDLESS, WRONG]
VERDICTS = [Verdict.CORRECT, Verdict.TIMEOUT, Verdict.WRONG]


def verdicts(grader: Grader) -> list[Verdict]:
    return [grade.verdict for grade in grader.grade_batch(*map(list, zip(*PAIRS, strict=True)))]


@pytest.fixture
def grader() -> Iterator[Grader]:
    with Grader(time_limit_seconds=0.5) as grader:
        yield grader


def test_main_thread(grader: Grader) -> None:
    grader.grade(*EASY)
    start = time.monotonic()
    assert verdicts(grader) == VERDICTS
    assert grader.grade(*WRONG).rule == "plain: numeric"
    assert time.monotonic() - start < 0.5 + 3


def test_eight_threads_share_a_grader() -> None:
    """More threads than workers are kept: those that are too many end when they are given back."""
    with Grader(jobs=3, time_limit_seconds=0.5, cache_size=0) as grader, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: verdicts(grader), range(8))) == [VERDICTS] * 8
        assert len(grader.workers.free) <= 3


def test_several_jobs_keep_the_order() -> None:
    pairs = [(rf"\sqrt{{{2 * k * k}}}", rf"{k + (k % 3 == 0)}\sqrt{{2}}") for k in range(1, 40)]
    with Grader(jobs=2, time_limit_seconds=2) as grader:
        found = [grade.correct for grade in grader.grade_stream(pairs)]
    assert found == [k % 3 != 0 for k in range(1, 40)]


def test_running_event_loop(grader: Grader) -> None:
    """As in a notebook: the main thread runs a loop while it asks."""

    async def main() -> list[Verdict]:
        return verdicts(grader)

    assert asyncio.run(main()) == VERDICTS


def test_inside_a_lightning_callback(grader: Grader) -> None:
    import lightning
    import torch

    found: list[Verdict] = []

    class Tiny(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: torch.Tensor) -> torch.Tensor:
            return self.layer(batch).sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    class Grading(lightning.Callback):
        def on_train_batch_end(self, *_: object) -> None:
            found.extend(verdicts(grader))

    trainer = lightning.Trainer(
        max_steps=1, accelerator="cpu", logger=False, callbacks=[Grading()], enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Tiny(), torch.utils.data.DataLoader(torch.ones(1, 1)))
    assert found == VERDICTS


# what ends a worker --------------------------------------------------------------------------------------------------


def the_worker(grader: Grader) -> int:
    """The process of the one free worker."""
    grader.grade(*EASY)
    (worker,) = grader.workers.free
    return worker.process.pid


def test_killed_between_two_pairs() -> None:
    """The pair that is asked next is not blamed for it, at once or later."""
    with Grader(cache_size=0) as grader:
        for wait_seconds in (0, 0, 0.2):
            os.kill(the_worker(grader), signal.SIGKILL)
            time.sleep(wait_seconds)
            assert [grader.grade(*pair).verdict for pair in (EASY, WRONG)] == [Verdict.CORRECT, Verdict.WRONG]


def test_killed_at_work() -> None:
    """The pair at work may be asked again, once; no other is lost."""
    with Grader(time_limit_seconds=3) as grader:
        threading.Timer(1.0, os.kill, (the_worker(grader), signal.SIGKILL)).start()
        start = time.monotonic()
        assert verdicts(grader) == VERDICTS
        assert time.monotonic() - start < 2 * 3 + 3


def test_stopped_worker(grader: Grader) -> None:
    """One that answers to no alarm is ended from outside."""
    os.kill(the_worker(grader), signal.SIGSTOP)
    start = time.monotonic()
    assert grader.grade(*WRONG).verdict is Verdict.TIMEOUT
    assert time.monotonic() - start < 0.5 + GRACE_SECONDS + 1
    assert grader.grade("x+1+x", "2x+1").verdict is Verdict.CORRECT


def test_interrupt_leaves_a_usable_grader() -> None:
    with Grader(time_limit_seconds=20) as grader:
        the_worker(grader)
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            grader.grade(*ENDLESS)
        grades: list[Grade] = grader.grade_batch([EASY[0], WRONG[0]], [EASY[1], WRONG[1]])
        assert [grade.verdict for grade in grades] == [Verdict.CORRECT, Verdict.WRONG]


def test_memory_is_bounded() -> None:
    """2^(10^10) has 1.2 GiB, and there would be several: the machine lives, and the pair is not right."""
    with Grader(time_limit_seconds=1.5) as grader:
        grade = grader.grade("2^{10^{10}}", r"4^{5 \cdot 10^9}")
    assert grade.verdict is Verdict.TIMEOUT
    assert grade.rule.partition(": ")[2] in ("memory", "crash", "time")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 3 << 20  # KiB


# what is remembered --------------------------------------------------------------------------------------------------


def test_a_hard_pair_is_asked_once(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [grader.grade(*pair) for pair in PAIRS]
    monkeypatch.setattr(grader.workers, "ask", lambda questions: pytest.fail(f"asked for {questions}"))
    assert [grader.grade(*pair) for pair in PAIRS] == first


def test_cache_is_bounded() -> None:
    """The oldest makes room; with room for none, none is kept."""
    pairs = [(rf"\sqrt{{{2 * k * k}}}", rf"{k}\sqrt{{2}}") for k in range(1, 30)]
    for size in (0, 1, 5):
        with Grader(time_limit_seconds=2, cache_size=size) as grader:
            assert all(grader.grade(*pair).correct for pair in pairs)
            assert list(grader.cache) == pairs[len(pairs) - size :]


def test_a_repeated_pair_is_asked_once_in_a_batch(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    ask = grader.workers.ask
    monkeypatch.setattr(grader.workers, "ask", lambda questions: asked.append(len(questions)) or ask(questions))
    assert {grade.verdict for grade in grader.grade_batch([EASY[0]] * 50, [EASY[1]] * 50)} == {Verdict.CORRECT}
    assert asked == [1]
