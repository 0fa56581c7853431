"""A key or a program that a stage will need is asked for before the first stage runs."""

from __future__ import annotations

import pytest

from synthscale.study.config import ConfigError
from synthscale.study.estimate import History
from synthscale.study.plan import make_plan
from synthscale.study.readiness import cut_solutions, refuse_missing_keys, refuse_missing_programs
from synthscale.study.recipe import build_point
from synthscale.study.store import ArtifactStore

SERVED = ("sampler.kind=server", "algorithm=rft", "data_size=8")


@pytest.fixture
def plan(compose_run, tmp_path):
    return lambda *overrides: make_plan([build_point(compose_run(*SERVED, *overrides))], ArtifactStore(tmp_path))


def test_a_key_that_is_not_there_is_refused_by_its_name(plan, monkeypatch):
    planned = plan("sampler.server.url=http://127.0.0.1:1/v1", "sampler.server.api_key_env=PLANTED_KEY")
    monkeypatch.delenv("PLANTED_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"sampler\.server\.api_key_env=PLANTED_KEY .* is not set"):
        refuse_missing_keys(planned)
    monkeypatch.setenv("PLANTED_KEY", "sk-secret")
    refuse_missing_keys(planned)
    refuse_missing_programs(planned)


def test_a_program_that_is_not_there_is_refused(plan):
    with pytest.raises(ConfigError, match=r"sampler\.server\.command starts no-such-program"):
        refuse_missing_programs(plan("sampler.server.command='no-such-program --port {port}'"))
    refuse_missing_programs(plan("sampler.server.command='sh --port {port}'"))


def test_what_no_stage_needs_is_not_asked_for(compose_run, tmp_path, monkeypatch):
    """A recipe without samples to be drawn by the server, since the point ends before."""
    monkeypatch.delenv("PLANTED_KEY", raising=False)
    run = compose_run(*SERVED, "sampler.server.url=http://127.0.0.1:1/v1", "sampler.server.api_key_env=PLANTED_KEY")
    point = build_point(run)
    short = make_plan([type(point)(run, point.nodes["sft"], {})], ArtifactStore(tmp_path))
    refuse_missing_keys(short)


def test_samples_that_will_be_cut_are_warned_of(compose_run, gsm8k_folder, small_llama, tmp_path):
    store = ArtifactStore(tmp_path)
    data = ("task=gsm8k", f"task.source={gsm8k_folder}", f"model.path={small_llama}", "task.num_validation=4")
    sizes = ("data_size=4", "trainer.num_validation=4", "evaluation.num_test=8", "evaluation.num_sampled_problems=4")

    def note(*overrides: str) -> str | None:
        return cut_solutions(make_plan([build_point(compose_run(*overrides))], store), History(store))

    assert "sampler.max_new_tokens=64 will cut many solutions" in (note(*data, *sizes) or "")
    assert note(*data, *sizes, "sampler.max_new_tokens=512") is None
    assert note() is None  # the embedded world
