"""A phase of training: it learns, it repeats itself, and its curves hold what was measured."""

from __future__ import annotations

import csv
import math

import pytest
import torch

from synthscale.policy.device import pick_device
from synthscale.session import Session
from synthscale.training.config import Device, TrainerConfig
from synthscale.training.encoding import Encoder
from synthscale.training.fit import FitResult
from synthscale.training.validation import Validator


def test_same_seed_same_weights(random_policy, train, positives, pairs):
    policies = [random_policy(0), random_policy(0)]
    results = [train(policy, [*positives, *pairs]) for policy in policies]
    first, second = (policy.model.state_dict() for policy in policies)
    assert all(first[name].equal(second[name]) for name in first)
    assert results[0].curves == results[1].curves
    assert not first["lm_head.weight"].equal(random_policy(0).model.state_dict()["lm_head.weight"])


def test_it_learns_and_says_what_it_cost(random_policy, train, positives):
    calls: list[tuple[int, int]] = []
    session = Session(lambda done, total: calls.append((done, total)))
    result = train(random_policy(0), positives, num_updates=40, session=session)
    losses = [row["train_loss"] for row in result.curves]
    assert losses[-1] < 0.8 * losses[0]
    assert losses == [row["train_sft_loss"] for row in result.curves]
    assert calls == [(i, 40) for i in range(1, 41)]
    assert result.num_updates == 40
    measures = result.measures()
    assert measures["device"] == "cpu" and measures["train_seconds"] > 0
    assert measures["final_train_loss"] == losses[-1]
    # 4 operators: 10 tokens of prompt, then 15 + 13 + 11 + 9 with their line breaks, the last an end of sequence
    assert measures["num_train_tokens"] == 40 * 8 * 58


@pytest.mark.parametrize(("num_updates", "num_validations"), [(8, 4), (8, 1), (1, 4), (3, 4), (10, 4), (7, 2), (11, 3)])
def test_validation_comes_as_often_as_asked_and_after_the_last_update(
    random_policy, train, positives, num_updates, num_validations
):
    config = TrainerConfig(device=Device.cpu, num_validations=num_validations, num_validation=4, batch_size=4)
    curves = train(random_policy(0), positives, num_updates, config).curves
    measured = [row["update"] for row in curves if "validation_accuracy" in row]
    assert measured == [row["update"] for row in curves if "validation_loss" in row]
    assert measured[-1] == num_updates
    assert len(measured) <= num_validations
    gaps = [after - before for before, after in zip([0, *measured], measured, strict=False)]
    assert max(gaps) <= -(-num_updates // num_validations)


def test_pairs_alone_start_at_log_2_with_no_margin(random_policy, train, pairs):
    result = train(random_policy(0), pairs)
    first, last = result.curves[0], result.curves[-1]
    assert first["train_dpo_loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert first["train_margin"] == pytest.approx(0, abs=1e-3)
    assert last["train_dpo_loss"] < math.log(2) and last["train_margin"] > 0
    assert "train_sft_loss" not in last


def test_a_row_holds_a_loss_only_where_its_batch_had_such_examples(random_policy, train, positives, pairs):
    config = TrainerConfig(device=Device.cpu, num_validations=1, num_validation=4, batch_size=4)
    result = train(random_policy(0), [*positives, pairs[0]], num_updates=12, config=config)
    with_pairs = [row["update"] for row in result.curves if "train_dpo_loss" in row]
    assert 0 < len(with_pairs) <= 4  # 17 examples with one pair in 12 batches of 4: the pair comes every fourth or so


def test_curves_become_a_table_with_gaps_where_nothing_was_measured(tmp_path):
    curves = [{"update": 1, "train_loss": 0.5}, {"update": 2, "train_loss": 0.25, "validation_loss": 1.0}]
    FitResult(curves, 1.0, 2, 10, "cpu", None).write_curves(tmp_path / "curves.csv")
    rows = list(csv.DictReader((tmp_path / "curves.csv").open()))
    assert rows[0] == {"update": "1", "train_loss": "0.5", "validation_loss": ""}
    assert rows[1]["validation_loss"] == "1.0"


def test_the_device_is_what_was_asked_for():
    assert pick_device(Device.cpu) == "cpu"
    assert pick_device(Device.cuda) == "cuda"
    assert pick_device(Device.auto) == ("cuda" if torch.cuda.is_available() else "cpu")


def test_validation_is_on_validation_problems_with_right_solutions(base_policy, task):
    encoder = Encoder(base_policy.prompter, eos_after_prefix=False)
    validator = Validator(task, base_policy.model, encoder, num_problems=50, max_new_tokens=64)
    assert validator.problems == task.problems("validation", 50, 0)
    assert len(validator.examples()) == 50
    texts = [base_policy.tokenizer.decode(example.sides[0].ids) for example in validator.examples()]
    assert all("<pad>" not in text and text.endswith("<eos>") for text in texts)
    assert 0.02 < validator.accuracy() < 0.8  # the base executes steps and guesses their order


def test_validation_stops_where_samples_do(base_policy, task):
    encoder = Encoder(base_policy.prompter, eos_after_prefix=False)

    def accuracy(*stop: str) -> float:
        validator = Validator(task, base_policy.model, encoder, num_problems=50, max_new_tokens=64, stop=stop)
        return validator.accuracy()

    assert accuracy() > 0.0 == accuracy("\n")  # a first step alone has no answer
