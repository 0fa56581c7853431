"""A small data set is refused once, with every value that fits it."""

from __future__ import annotations

import re

import pytest

from synthscale.study.config import ConfigError, to_run_config


@pytest.fixture
def keys(gsm8k_folder, small_llama) -> list[str]:
    """Twenty training problems, of which four are set apart, and eight test problems."""
    return ["task=gsm8k", f"task.source={gsm8k_folder}", "task.num_validation=4", f"model.path={small_llama}"]


def test_the_values_that_are_named_fit_and_no_larger_ones_do(compose, keys):
    with pytest.raises(ConfigError) as refused:
        to_run_config(compose(*keys))
    fitting = re.findall(r"[\w.]+=\d+", str(refused.value))
    assert fitting == [
        "data_size=16",
        "evaluation.num_test=8",
        "evaluation.num_sampled_problems=8",
        "trainer.num_validation=4",
    ]
    assert to_run_config(compose(*keys, *fitting)).data_size == 16
    for place, override in enumerate(fitting):
        key, _, most = override.partition("=")
        larger = [*fitting[:place], f"{key}={int(most) + 1}", *fitting[place + 1 :]]
        sentence = f"{key} must be between 1 and {most}" if key == "data_size" else override
        with pytest.raises(ConfigError, match=re.escape(sentence)):
            to_run_config(compose(*keys, *larger))


def test_what_a_run_does_not_come_to_need_not_fit(compose, keys):
    assert to_run_config(compose(*keys[:-1], "data_size=16", "stage=synthesize")).model.path is None
    assert to_run_config(compose(*keys, "data_size=16", "stage=synthesize")).stage == "synthesize"
    with pytest.raises(ConfigError, match=r"the most that fit are trainer\.num_validation=4\."):
        to_run_config(compose(*keys, "data_size=16", "stage=sft"))
