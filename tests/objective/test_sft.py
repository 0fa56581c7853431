"""The supervised loss against loops by hand, and what its mask keeps out."""

from __future__ import annotations

import math

import pytest
import torch

from synthscale.objective.sft import sequence_logprobs, sft_loss, token_logprobs

B, T, V = 3, 6, 11


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, token ids and a mask with prompts of 1, 2 and 3 tokens."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(B, T, V, generator=generator) * 3
    ids = torch.randint(0, V, (B, T), generator=generator)
    mask = torch.tensor([[0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1]], dtype=torch.float32)
    return logits, ids, mask


def test_sequence_logprobs_equal_a_loop_over_tokens(batch):
    logits, ids, mask = batch
    for b, got in enumerate(sequence_logprobs(logits, ids, mask)):
        by_hand = 0.0
        for t in range(1, T):
            if mask[b, t]:
                scores = [math.exp(x) for x in logits[b, t - 1].tolist()]
                by_hand += math.log(scores[ids[b, t]] / sum(scores))
        assert got.item() == pytest.approx(by_hand, rel=1e-5)


def test_the_first_token_has_no_probability(batch):
    logits, ids, _ = batch
    assert token_logprobs(logits, ids)[:, 0].tolist() == [0.0] * B
    assert token_logprobs(logits, ids).shape == (B, T)


@pytest.mark.parametrize("vocabulary", [2, 26, 1000])
def test_loss_of_uniform_logits_is_the_log_of_the_vocabulary(vocabulary):
    ids = torch.randint(0, vocabulary, (4, 9))
    mask = torch.ones(4, 9)
    mask[:, :3] = 0
    logprobs = sequence_logprobs(torch.full((4, 9, vocabulary), 0.7), ids, mask)
    assert sft_loss(logprobs, mask.sum(dim=1)).item() == pytest.approx(math.log(vocabulary), rel=1e-6)


def test_loss_is_a_mean_over_tokens_not_over_sequences():
    assert sft_loss(torch.tensor([-1.0, -9.0]), torch.tensor([1, 9])).item() == pytest.approx(1.0)
    assert sft_loss(torch.tensor([-2.0, -9.0]), torch.tensor([1, 9])).item() == pytest.approx(1.1)


def test_logits_have_gradients_only_where_the_next_token_counts(batch):
    logits, ids, mask = batch
    logits.requires_grad_(True)
    sft_loss(sequence_logprobs(logits, ids, mask), mask.sum(dim=1)).backward()
    has_gradient = logits.grad.abs().sum(dim=2) > 0
    next_counts = torch.cat([mask[:, 1:] > 0, torch.zeros(B, 1, dtype=torch.bool)], dim=1)
    assert has_gradient.equal(next_counts)


def test_gradient_is_softmax_minus_the_token_over_the_number_of_tokens(batch):
    logits, ids, mask = batch
    logits.requires_grad_(True)
    sft_loss(sequence_logprobs(logits, ids, mask), mask.sum(dim=1)).backward()
    expected = (torch.softmax(logits[0, 2], dim=0) - torch.nn.functional.one_hot(ids[0, 3], V)) / mask.sum()
    assert torch.allclose(logits.grad[0, 2], expected.detach(), atol=1e-6)


def test_half_precision_logits_are_summed_in_single(batch):
    logits, ids, mask = batch
    assert sequence_logprobs(logits.bfloat16(), ids, mask).dtype == torch.float32
