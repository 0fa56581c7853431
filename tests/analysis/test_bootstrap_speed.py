"""The benchmark of bootstrap refits: the peer's gradient is right, both sides agree, and it runs in small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from benchmarks import bootstrap_speed
from benchmarks.refits import Outcome, Refits, Turn


@pytest.fixture(scope="module")
def refits() -> Refits:
    return Refits.drawn(30)


def test_the_peer_minimises_our_loss_with_a_right_gradient(refits: Refits) -> None:
    (loss, with_gradient), at = refits.losses(refits.counts[0]), refits.start + 0.01
    value, gradient = with_gradient(at)
    assert value == loss(at) == pytest.approx(refits.problem.loss(at, refits.counts[0]), rel=1e-12)
    np.testing.assert_allclose(gradient, approx_fprime(at, loss, 1e-8), rtol=1e-3)


def test_ours_comes_as_low_as_the_peer_and_to_the_same_place(refits: Refits) -> None:
    (ours, our_losses), (theirs, their_losses) = refits.at_once(), refits.one_by_one(30, analytic=True)
    assert (our_losses <= their_losses * (1 + 1e-9)).all()
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_ratios_are_of_time_a_draw_round_by_round() -> None:
    ours, theirs = [Turn(100, 1.0, 2.0), Turn(100, 2.0, 2.0)], [Turn(10, 1.0, 1.0), Turn(10, 1.0, 4.0)]
    one = Outcome("peer", ours, theirs, 1.0, 0.0, 0.0, {}, {})
    assert one.ratios == pytest.approx([10.0, 5.0]) and one.wall_ratios == pytest.approx([5.0, 20.0])
    assert (ours[0].milliseconds_a_draw, theirs[0].milliseconds_a_draw) == (10.0, 100.0)


def test_it_runs_in_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--draws", "20", "--peer-draws", "5", "--numeric-draws", "2", "--rounds", "1"]
    assert bootstrap_speed.main([*few, "--out", str(tmp_path)]) == 0
    assert "gradient by hand" in capsys.readouterr().out
    by_hand, numerical = json.loads((tmp_path / "bootstrap_speed.json").read_text())["peers"]
    turns = (by_hand["ours"][0], by_hand["theirs"][0], numerical["theirs"][0])
    assert [turn["num_draws"] for turn in turns] == [20, 5, 2]
    assert by_hand["share_no_worse"] == 1.0


def test_more_peer_draws_than_draws_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap_speed.main(["--draws", "5", "--peer-draws", "6", "--out", str(tmp_path)]) == 2
    assert "--peer-draws at most --draws" in capsys.readouterr().err
