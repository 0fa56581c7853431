"""The module's loss is the objectives' sums and no other: identities on a random policy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from synthscale.mixture.example import Example, PairShape
from synthscale.mixture.mixture import step_pair
from synthscale.objective.dpo import dpo_loss
from synthscale.objective.sft import sft_loss
from synthscale.problem import split_steps
from synthscale.training.config import TrainerConfig
from synthscale.training.data import Batch, MixedDataModule
from synthscale.training.encoding import Encoder
from synthscale.training.module import Objective, PolicyModule, warmup_cosine
from synthscale.training.references import reference_logprobs

BETA, WEIGHT = 0.3, 0.7


def module_of(policy, num_updates: int = 10, only_side: str | None = None) -> PolicyModule:
    objective = Objective(1e-2, num_updates, BETA, WEIGHT, only_side=only_side)
    return PolicyModule(policy.model, objective, TrainerConfig(batch_size=8), lambda: 0.5)


def batch_of(policy, examples: Sequence[Example], reference) -> Batch:
    """All the examples in one batch, with the reference's log-probabilities."""
    encoder = Encoder(policy.prompter, eos_after_prefix=False)
    encoded = [encoder.encode(example) for example in examples]
    pad_id = policy.tokenizer.pad_token_id
    logprobs = reference_logprobs(reference.model, encoded, pad_id, batch_size=3)
    data = MixedDataModule(encoded, [], batch_size=2, num_updates=1, seed=0, pad_id=pad_id, reference_logprobs=logprobs)
    return data.batch(range(len(data.positives)), range(len(data.pairs)))


def one_by_one(policy, prompt: str, solution: str, ending: str = "<eos>") -> float:
    """log π(solution | prompt) of one sequence, without padding and without the encoder."""
    num_prompt = len(policy.tokenizer(prompt, add_special_tokens=False)["input_ids"])
    ids = torch.tensor([policy.tokenizer(prompt + solution + ending, add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        logprobs = torch.log_softmax(policy.model(input_ids=ids).logits[0], dim=-1)
    return sum(logprobs[t - 1, ids[0, t]].item() for t in range(num_prompt, ids.shape[1]))


@pytest.fixture
def positives(traces) -> list[Example]:
    return [Example(p.problem_id, p.text + "\n", trace) for p, trace in traces[:3]]


@pytest.fixture
def pairs(traces) -> list[Example]:
    """Each trace against another problem's, which is as wrong as can be."""
    wrong = [trace for _, trace in traces[10:14]]
    return [Example(p.problem_id, p.text + "\n", t, w) for (p, t), w in zip(traces[3:7], wrong, strict=True)]


@pytest.mark.parametrize(
    ("only_side", "of_chosen", "of_rejected"), [(None, 1, 1), ("chosen", 1, 0), ("rejected", 0, 1)]
)
def test_a_mixed_batchs_loss_is_the_weighted_sum_of_both_losses(
    random_policy, positives, pairs, only_side, of_chosen, of_rejected
):
    policy, reference = random_policy(0), random_policy(1)
    module = module_of(policy, only_side=only_side)
    loss = module.training_step(batch_of(policy, [*pairs, *positives], reference), 0).item()
    num_tokens = [len(policy.tokenizer(e.chosen, add_special_tokens=False)["input_ids"]) + 1 for e in positives]
    sft = -sum(one_by_one(policy, e.prompt, e.chosen) for e in positives) / sum(num_tokens)
    margins = [
        of_chosen * (one_by_one(policy, e.prompt, e.chosen) - one_by_one(reference, e.prompt, e.chosen))
        - of_rejected * (one_by_one(policy, e.prompt, e.rejected) - one_by_one(reference, e.prompt, e.rejected))
        for e in pairs
    ]
    dpo = sum(math.log1p(math.exp(-BETA * margin)) for margin in margins) / len(margins)
    assert loss == pytest.approx((3 * sft + 4 * WEIGHT * dpo) / 7, rel=1e-5)


def test_without_pairs_it_is_sft_and_without_positives_weighted_dpo(random_policy, positives, pairs):
    policy = random_policy(0)
    module = module_of(policy)
    batch = batch_of(policy, positives, policy)
    logprobs = torch.tensor([one_by_one(policy, e.prompt, e.chosen) for e in positives])
    num_tokens = torch.tensor([len(policy.prompter.solution_ids(e.chosen)) + 1 for e in positives])
    assert module.training_step(batch, 0).item() == pytest.approx(sft_loss(logprobs, num_tokens).item(), rel=1e-5)
    dpo = module.training_step(batch_of(policy, pairs, policy), 0).item()
    assert dpo == pytest.approx(WEIGHT * math.log(2), abs=1e-5)


def test_at_the_reference_every_margin_is_zero(random_policy, pairs):
    policy = random_policy(0)
    batch = batch_of(policy, pairs, random_policy(0))
    chosen, rejected = module_of(policy).logprobs(batch).chunk(2)
    assert torch.allclose(torch.stack([chosen, rejected], dim=1), batch.reference_logprobs_P2, atol=1e-4)
    margins = (chosen - rejected) - (batch.reference_logprobs_P2[:, 0] - batch.reference_logprobs_P2[:, 1])
    assert margins.abs().max() < 1e-4
    assert dpo_loss(margins, BETA).item() == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_reference_logprobs_equal_a_fresh_computation(random_policy, positives, pairs, batch_size):
    policy = random_policy(2)
    encoder = Encoder(policy.prompter, eos_after_prefix=False)
    encoded = [encoder.encode(example) for example in [positives[0], *pairs, *positives]]
    logprobs = reference_logprobs(policy.model, encoded, policy.tokenizer.pad_token_id, batch_size)
    expected = [[one_by_one(policy, e.prompt, side) for side in (e.chosen, e.rejected)] for e in pairs]
    assert torch.allclose(logprobs, torch.tensor(expected), atol=1e-3)
    assert not logprobs.requires_grad


def test_without_pairs_there_are_no_references(random_policy, positives):
    policy = random_policy(0)
    encoded = [Encoder(policy.prompter, eos_after_prefix=False).encode(example) for example in positives]
    assert reference_logprobs(policy.model, encoded, 0, 4).shape == (0, 2)


def test_per_step_dpo_on_one_step_solutions_is_dpo(random_policy):
    policy, reference = random_policy(0), random_policy(1)
    prompt = "1 + 2\n"
    solutions = [(f"p0 1 + 2 = 3 | {i}", f"p0 1 + 2 = {i} | {i + 1}") for i in range(5)]
    whole = [Example(str(i), prompt, chosen, rejected) for i, (chosen, rejected) in enumerate(solutions)]
    by_step = [
        step_pair(str(i), prompt, chosen, split_steps(rejected), 1, PairShape.step)
        for i, (chosen, rejected) in enumerate(solutions)
    ]
    module = module_of(policy)
    losses = [module.training_step(batch_of(policy, pairs, reference), 0).item() for pairs in (whole, by_step)]
    assert losses[0] == losses[1] != pytest.approx(WEIGHT * math.log(2), abs=1e-4)


def test_a_divergence_pairs_margin_is_a_difference_of_two_tokens_log_probabilities(random_policy, traces):
    policy = random_policy(0)
    problem, trace = traces[0]
    steps = split_steps(trace)
    wrong = ["p3" if word == steps[1].split()[0] else word for word in steps[1].split()]
    rejected_steps = [steps[0], " ".join(["p3" if wrong[0] == steps[1].split()[0] else wrong[0], *wrong[1:]])]
    if rejected_steps == steps[:2]:
        rejected_steps[1] = "p0" + rejected_steps[1][2:]
    pair = step_pair(
        "id",
        problem.text + "\n",
        trace,
        [f"{rejected_steps[0]}\n", f"{rejected_steps[1]}\n", "p0 never"],
        2,
        PairShape.divergence,
    )
    batch = batch_of(policy, [pair], policy)
    chosen, rejected = module_of(policy).logprobs(batch)
    prefix = policy.tokenizer(problem.text + "\n" + steps[0] + "\n", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logprobs = torch.log_softmax(policy.model(torch.tensor([prefix])).logits[0, -1], dim=0)
    right, bad = (policy.tokenizer.convert_tokens_to_ids(step[:2]) for step in (steps[1], rejected_steps[1]))
    assert right != bad
    assert (chosen - rejected).item() == pytest.approx((logprobs[right] - logprobs[bad]).item(), abs=1e-5)


def test_a_step_pairs_rejected_side_counts_its_line_break_and_no_end(random_policy, traces):
    policy, (problem, trace) = random_policy(0), traces[0]
    pair = step_pair("id", problem.text + "\n", trace, ["p0 bad\n", "p1 worse"], 1, PairShape.step)
    _, rejected = module_of(policy).logprobs(batch_of(policy, [pair], policy))
    assert rejected.item() == pytest.approx(one_by_one(policy, problem.text + "\n", "p0 bad", ending="\n"), rel=1e-5)


CAP = 1.5
ADVANTAGES = [(0.5, -0.25, 0.0, 0.1), (-1.0, 0.0, 0.0, 1.0), None]


def with_advantages(example: Example, advantages: tuple[float, ...] | None) -> Example:
    """The example with an advantage for each line."""
    if advantages is None:
        return example
    ends = [i + 1 for i, letter in enumerate(example.chosen) if letter == "\n"] + [len(example.chosen)]
    return replace(example, step_ends=tuple(ends), advantages=advantages)


def weighted_module(policy, max_weight: float | None = CAP) -> PolicyModule:
    config = TrainerConfig(batch_size=8)
    return PolicyModule(policy.model, Objective(1e-2, 10, BETA, 0.0, max_weight), config, lambda: 0.5)


def test_without_a_step_that_is_better_or_worse_the_loss_is_sfts(random_policy, positives):
    """Exactly, whatever beta and cap are; and the weighted and the plain ones among them count in one mean."""
    policy = random_policy(0)
    plain = module_of(policy).training_step(batch_of(policy, positives, policy), 0)
    even = [with_advantages(one, (0.0,) * 4) for one in positives]
    for examples in (even, [*even[:2], positives[2]]):
        module = weighted_module(policy)
        assert module.training_step(batch_of(policy, examples, policy), 0).item() == plain.item()
        assert set(module.measured) == {"train_weighted_loss", "train_loss"}


def test_each_tokens_log_likelihood_counts_as_its_steps_advantage_says(random_policy, positives):
    policy = random_policy(0)
    examples = [with_advantages(*pair) for pair in zip(positives, ADVANTAGES, strict=True)]
    total, num_tokens = 0.0, 0
    for example in examples:
        steps = example.chosen.splitlines(keepends=True)
        weights = [min(math.exp(a / BETA), CAP) for a in example.advantages or [0.0] * len(steps)]
        for i, (weight, step) in enumerate(zip(weights, steps, strict=True)):
            ending = "<eos>" if i == len(steps) - 1 else ""
            total += weight * one_by_one(policy, example.prompt + "".join(steps[:i]), step, ending)
        num_tokens += len(policy.prompter.solution_ids(example.chosen)) + 1
    loss = weighted_module(policy).training_step(batch_of(policy, examples, policy), 0).item()
    assert loss == pytest.approx(-total / num_tokens, rel=1e-5)


@pytest.mark.parametrize("num_ranks", [1, 2, 5])
@pytest.mark.parametrize("micro_batch_size", [None, 1, 2])
@pytest.mark.parametrize("is_packed", [True, False])
def test_weighted_steps_in_parts_come_to_the_gradient_of_the_whole(
    random_policy, positives, num_ranks, micro_batch_size, is_packed, monkeypatch
):
    policy = random_policy(0)
    policy.model.double()
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    examples = [with_advantages(*pair) for pair in zip(positives, ADVANTAGES, strict=True)]
    encoded = [Encoder(policy.prompter, eos_after_prefix=False).encode(example) for example in examples]
    settings = {"batch_size": 3, "num_updates": 1, "seed": 0, "pad_id": policy.tokenizer.pad_token_id}
    layout = {"micro_batch_size": micro_batch_size, "is_packed": is_packed}

    def gradients(**of_rank: int) -> list[torch.Tensor]:
        policy.model.zero_grad()
        for rank in range(of_rank.get("num_ranks", 1)):
            data = MixedDataModule(encoded, [], rank=rank, **settings, **layout, **of_rank)
            module = weighted_module(policy)
            (module.training_step(data.batch(range(3), []), 0) / data.num_ranks).backward()
        return [p.grad.clone() for p in policy.model.parameters()]

    policy.model.zero_grad()
    weighted_module(policy).training_step(batch_of(policy, examples, policy), 0).backward()
    expected = [p.grad.clone() for p in policy.model.parameters()]
    for one, other in zip(gradients(num_ranks=num_ranks), expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("update", "num_warmup", "num_updates", "factor"),
    [
        (0, 2, 10, 0.5),
        (1, 2, 10, 1.0),
        (2, 2, 10, 1.0),
        (4, 2, 10, 0.5 * (1 + math.cos(math.pi / 4))),
        (6, 2, 10, 0.5),
        (9, 2, 10, 0.5 * (1 + math.cos(math.pi * 7 / 8))),
        (10, 2, 10, 0.0),
        (99, 2, 10, 0.0),
        (0, 1, 1, 1.0),
        (0, 4, 4, 0.25),
        (3, 4, 4, 1.0),
    ],
)
def test_warmup_cosine(update, num_warmup, num_updates, factor):
    assert warmup_cosine(update, num_warmup, num_updates) == pytest.approx(factor, abs=1e-12)


def test_every_weight_is_optimized_once_and_only_matrices_decay(random_policy):
    policy = random_policy(0)
    optimizer = module_of(policy).configure_optimizers()["optimizer"]
    matrices, vectors = optimizer.param_groups
    assert {p.ndim for p in vectors["params"]} == {1} and vectors["weight_decay"] == 0
    assert (
        min(p.ndim for p in matrices["params"]) == 2
        and matrices["weight_decay"] == TrainerConfig(batch_size=8).weight_decay
    )
    ids = [id(p) for group in (matrices, vectors) for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in policy.model.parameters())


def test_a_larger_epsilon_leaves_words_alone_that_no_example_has(random_policy, positives):
    """With tied embeddings every word's row has a gradient, by the softmax; Adam makes whole steps of the smallest."""

    def moved(epsilon: float | None) -> tuple[float, float]:
        policy = random_policy(0)
        config = TrainerConfig(batch_size=8, weight_decay=0.0, adam_epsilon=epsilon)
        module = PolicyModule(policy.model, Objective(1e-2, 10, BETA, WEIGHT), config, lambda: 0.5)
        batch, table = batch_of(policy, positives, policy), policy.model.get_input_embeddings().weight
        before = table.detach().clone()
        optimizer = module.configure_optimizers()["optimizer"]
        assert {group["eps"] for group in optimizer.param_groups} == {1e-8 if epsilon is None else epsilon}
        for _ in range(5):
            optimizer.zero_grad()
            module.training_step(batch, 0).backward()
            optimizer.step()
        present = torch.zeros(len(table), dtype=torch.bool)
        for rows in batch.passes:
            present[rows.input_ids_BT.flatten()] = True
        shift = (table.detach() - before).norm(dim=1)
        return float(shift[present].mean()), float(shift[~present].mean())

    usual, held = moved(None), moved(1.0)
    assert usual[1] > 0.5 * usual[0]
    assert held[1] < 0.5 * held[0]


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("kinds", ["both", "positives", "pairs"])
def test_the_mean_over_ranks_of_gradients_is_that_of_the_whole_batch(
    random_policy, positives, pairs, kinds, num_ranks, monkeypatch
):
    policy = random_policy(0)
    policy.model.double()
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # so that rounding hides nothing
    examples = [*(positives if kinds != "pairs" else []), *(pairs if kinds != "positives" else [])]
    whole = batch_of(policy, examples, policy)
    data = MixedDataModule(
        [Encoder(policy.prompter, eos_after_prefix=False).encode(example) for example in examples],
        [],
        batch_size=4,
        num_updates=1,
        seed=0,
        pad_id=policy.tokenizer.pad_token_id,
        reference_logprobs=whole.reference_logprobs_P2 + 0.25,
        num_ranks=num_ranks,
    )
    whole.reference_logprobs_P2 = data.reference_logprobs

    def gradients(batches: Sequence[Batch]) -> tuple[float, list[torch.Tensor]]:
        module = module_of(policy)
        policy.model.zero_grad()
        losses = [module.training_step(batch, 0) / len(batches) for batch in batches]
        for loss in losses:
            loss.backward()
            assert all(p.grad is not None for p in policy.model.parameters()), "every rank takes part for every weight"
        return sum(losses).item(), [p.grad.clone() for p in policy.model.parameters()]

    shares = []
    for data.rank in range(num_ranks):
        shares.append(data.batch(range(len(data.positives)), range(len(data.pairs))))
    loss, expected = gradients([whole])
    mean_loss, mean = gradients(shares)
    assert mean_loss == pytest.approx(loss, rel=1e-12)
    for one, other in zip(mean, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-14)
