"""The supervised loss against loops by hand, and what its mask keeps out."""

from __future__ import annotations

import math

import pytest
import torch

from synthscale.objective.sft import sequence_logprobs, sft_loss, token_logprobs

N, V = 9, 11
NONE = N
COUNTED = torch.tensor([[0, 1, 2, 3], [4, 5, NONE, NONE], [6, 2, 0, NONE]])  # 7 and 8 do not count, 0 and 2 do twice


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and the tokens that they predict."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, V, generator=generator) * 3, torch.randint(0, V, (N,), generator=generator)


def test_sequence_logprobs_equal_a_loop_over_tokens(batch):
    logits, targets = batch
    for numbers, got in zip(COUNTED.tolist(), sequence_logprobs(token_logprobs(*batch), COUNTED), strict=True):
        by_hand = 0.0
        for n in numbers:
            if n != NONE:
                scores = [math.exp(x) for x in logits[n].tolist()]
                by_hand += math.log(scores[targets[n]] / sum(scores))
        assert got.item() == pytest.approx(by_hand, rel=1e-5)


def test_a_sequence_of_which_nothing_counts_has_a_sum_of_zero(batch):
    assert sequence_logprobs(token_logprobs(*batch), torch.tensor([[NONE], [NONE]])).tolist() == [0.0, 0.0]
    assert sequence_logprobs(token_logprobs(*batch), torch.zeros(2, 0, dtype=torch.long)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("vocabulary", [2, 26, 1000])
def test_loss_of_uniform_logits_is_the_log_of_the_vocabulary(vocabulary):
    logprobs = token_logprobs(torch.full((N, vocabulary), 0.7), torch.randint(0, vocabulary, (N,)))
    sums = sequence_logprobs(logprobs, COUNTED)
    assert sft_loss(sums, (COUNTED != NONE).sum(dim=1)).item() == pytest.approx(math.log(vocabulary), rel=1e-6)


def test_loss_is_a_mean_over_tokens_not_over_sequences():
    assert sft_loss(torch.tensor([-1.0, -9.0]), torch.tensor([1, 9])).item() == pytest.approx(1.0)
    assert sft_loss(torch.tensor([-2.0, -9.0]), torch.tensor([1, 9])).item() == pytest.approx(1.1)


def test_logits_have_gradients_only_where_the_next_token_counts(batch):
    logits, targets = batch
    logits.requires_grad_(True)
    sft_loss(sequence_logprobs(token_logprobs(logits, targets), COUNTED), (COUNTED != NONE).sum(dim=1)).backward()
    assert (logits.grad.abs().sum(dim=1) > 0).tolist() == [True] * 7 + [False] * 2


def test_gradient_is_softmax_minus_the_token_over_the_number_of_tokens_as_often_as_it_counts(batch):
    logits, targets = batch
    logits.requires_grad_(True)
    sft_loss(sequence_logprobs(token_logprobs(logits, targets), COUNTED), (COUNTED != NONE).sum(dim=1)).backward()
    for n, times in ((3, 1), (2, 2)):
        one_hot = torch.nn.functional.one_hot(targets[n], V)
        expected = times * (torch.softmax(logits[n], dim=0) - one_hot) / 9
        assert torch.allclose(logits.grad[n], expected.detach(), atol=1e-6)


def test_half_precision_logits_are_summed_in_single(batch):
    logits, targets = batch
    assert token_logprobs(logits.bfloat16(), targets).dtype == torch.float32
