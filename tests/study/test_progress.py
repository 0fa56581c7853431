"""What a run shows of a stage: how far it is, and what the stage says of its speed."""

from __future__ import annotations

import io

from rich.console import Console

from synthscale.session import Session
from synthscale.study.plan import make_plan
from synthscale.study.progress import LineDisplay, show_progress
from synthscale.study.store import open_store
from synthscale.study.worker import _throttled


def test_a_bar_shows_the_last_note(toy, tmp_path):
    plan = make_plan([toy.toy_point(tmp_path, "sft")], open_store(tmp_path))
    node = plan.todo[0].node
    console = Console(file=io.StringIO(), force_terminal=True, width=160, _environ={})
    with show_progress(plan, console) as display:
        display.begin(node)
        display.advance(node, 1, 4)
        display.advance(node, 2, 4, "1,234 tok/s [12 retries]")
        display.advance(node, 3, 4)
        (bar,) = (task for task in display._progress.tasks if task.id == display._bars[node.key])
        assert (bar.completed, bar.total, bar.fields["note"]) == (3, 4, "1,234 tok/s [12 retries]")
        display._progress.refresh()
        assert "1,234 tok/s [12 retries]" in console.file.getvalue()
        display.end(node)


def test_without_a_terminal_notes_are_taken_and_not_shown(toy, tmp_path):
    plan = make_plan([toy.toy_point(tmp_path, "sft")], open_store(tmp_path))
    console = Console(file=io.StringIO())
    with show_progress(plan, console) as display:
        assert isinstance(display, LineDisplay)
        display.advance(plan.todo[0].node, 1, 4, "5 tok/s")
    assert "tok/s" not in console.file.getvalue()


def test_reports_are_rare_and_the_last_always_comes():
    reports = []
    advance = _throttled(lambda done, total, note="": reports.append((done, total, note)))
    for done in range(1, 101):
        advance(done, 100, f"{done} tok/s")
    assert len(reports) < 20 and reports[-1] == (100, 100, "100 tok/s")
    advance(100, 100)
    assert reports[-1] == (100, 100, "")


def test_a_part_of_a_stage_counts_as_its_share_and_hands_notes_on():
    reports = []
    session = Session(lambda done, total, note="": reports.append((done, total, note)))
    with session.part(10, 20, 40):
        session.advance(1, 2, "7 tok/s")
        session.advance(2, 2)
    session.advance(40, 40)
    assert reports == [(15, 40, "7 tok/s"), (20, 40, ""), (40, 40, "")]
