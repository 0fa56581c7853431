"""A study's points are kept as they are asked for: all of them, and of two in one cell the newer."""

from __future__ import annotations

import json
import time

from synthscale.study.roster import Roster, begun, member, read_roster, write_rosters


def labels(roster: Roster) -> list[str]:
    """What the points are called."""
    return [one.label for one in roster.members]


def test_a_study_holds_all_points_that_it_was_ever_asked_for(toy, tmp_path):
    sft, dpo, rft = (toy.toy_point(tmp_path, name) for name in ("sft", "dpo", "rft"))
    write_rosters([sft, dpo])
    write_rosters([dpo, rft])
    roster = read_roster(tmp_path / "toy")
    assert roster.members == (member(sft), member(dpo), member(rft))
    assert roster.inputs.keys() == {node.key for point in (sft, dpo, rft) for node in point.root.walk()}
    assert roster.inputs[dpo.nodes["policy"].key] == tuple(sorted([dpo.nodes["compose"].key, dpo.nodes["sft"].key])), (
        "each stage has its inputs"
    )
    assert roster.inputs[sft.nodes["synthesize"].key] == ()


def test_an_entry_has_the_points_axes(toy, tmp_path):
    point = toy.toy_point(tmp_path, "dpo", data_size=128, seed=3)
    write_rosters([point])
    (one,) = read_roster(tmp_path / "toy").members
    assert one.axes == ("world", "tiny", "dpo", 128, 0.5, 3, "evaluate")
    assert (one.label, one.root) == (point.label, point.root.key)


def test_of_two_points_in_one_cell_the_newer_counts_in_the_olders_place(toy, tmp_path):
    old, other = toy.toy_point(tmp_path, "sft", evaluate={"n": 1}), toy.toy_point(tmp_path, "dpo")
    new = toy.toy_point(tmp_path, "sft", evaluate={"n": 2})
    write_rosters([old, other])
    time.sleep(0.01)
    write_rosters([new])
    assert read_roster(tmp_path / "toy").members == (member(new), member(other))
    time.sleep(0.01)
    write_rosters([old, other])
    assert read_roster(tmp_path / "toy").members == (member(old), member(other)), "asked for again, it is the newest"


def test_points_of_one_sweep_stay_apart_in_one_cell(toy, tmp_path):
    swept = [toy.toy_point(tmp_path, "dpo", policy={"beta": beta}) for beta in (0.1, 0.3)]
    write_rosters([*swept, swept[0]])
    assert read_roster(tmp_path / "toy").members == tuple(map(member, swept))
    time.sleep(0.01)
    new = toy.toy_point(tmp_path, "dpo", policy={"beta": 0.5})
    write_rosters([new])
    assert read_roster(tmp_path / "toy").members == (member(new),)


def test_the_same_points_again_leave_no_second_file(toy, tmp_path):
    for _ in range(2):
        write_rosters([toy.toy_point(tmp_path)])
    assert len(list((tmp_path / "toy" / "points").iterdir())) == 1


def test_when_points_were_first_asked_for_is_kept(toy, tmp_path, monkeypatch):
    for now in (100.0, 200.0):
        monkeypatch.setattr("synthscale.study.roster.time.time", lambda now=now: now)
        write_rosters([toy.toy_point(tmp_path)])
    (path,) = (tmp_path / "toy" / "points").iterdir()
    assert begun(path) == 100.0 and json.loads(path.read_text())["created"] == 200.0
    assert begun(tmp_path / "absent.json") is None


def test_points_go_into_the_folders_of_their_studies(toy, tmp_path):
    here, there = toy.toy_point(tmp_path, "sft"), toy.toy_point(tmp_path, "dpo")
    there.config.study_name = "other"
    write_rosters([here, there])
    assert labels(read_roster(tmp_path / "toy")) == [here.label]
    assert labels(read_roster(tmp_path / "other")) == [there.label]


def test_a_damaged_file_is_left_out_with_a_warning(toy, tmp_path, caplog):
    write_rosters([toy.toy_point(tmp_path)])
    folder = tmp_path / "toy" / "points"
    (whole,) = folder.iterdir()
    content = json.loads(whole.read_text())
    damaged = {
        "half": whole.read_text()[:100],
        "a list": "[]",
        "no members": json.dumps({**content, "members": None}),
        "another version": json.dumps({**content, "members": [{"name": "sft"}]}),
        "no key": json.dumps({**content, "members": [{**content["members"][0], "root": None}]}),
        "no size": json.dumps({**content, "members": [{**content["members"][0], "data_size": "8"}]}),
        "no graph": json.dumps({**content, "inputs": []}),
        "no date": json.dumps({name: content[name] for name in ("members", "inputs")}),
    }
    for name, text in damaged.items():
        (folder / f"{name}.json").write_text(text)
    assert len(read_roster(tmp_path / "toy").members) == 1
    for name in damaged:
        assert f"{name}.json is no list of points" in caplog.text


def test_a_folder_without_points_has_no_roster(tmp_path):
    assert read_roster(tmp_path) is None
    assert read_roster(tmp_path / "not there") is None
