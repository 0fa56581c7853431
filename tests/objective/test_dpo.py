"""Identities of the DPO loss."""

from __future__ import annotations

import math

import pytest
import torch

from synthscale.objective.dpo import dpo_loss, dpo_margins

BETAS = [0.05, 0.1, 1.0, 3.0]


@pytest.mark.parametrize("beta", BETAS)
def test_loss_is_log_2_where_policy_and_reference_agree(beta):
    chosen, rejected = -torch.rand(7, dtype=torch.float64) * 50, -torch.rand(7, dtype=torch.float64) * 50
    margins = dpo_margins(chosen, rejected, chosen, rejected)
    assert dpo_loss(margins, beta).item() == pytest.approx(math.log(2), abs=1e-12)


@pytest.mark.parametrize("beta", BETAS)
def test_gradient_at_zero_margin_is_minus_half_beta(beta):
    margin = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    dpo_loss(margin, beta).backward()
    assert margin.grad.item() == pytest.approx(-beta / 2)


@pytest.mark.parametrize("beta", BETAS)
def test_losses_of_opposite_margins_differ_by_beta_times_the_margin(beta):
    # -log s(-bm) + log s(bm) = bm, since s(-x) = 1 - s(x) and log s(x) - log(1 - s(x)) = x
    for margin in (0.0, 0.3, 2.0, 40.0):
        there = dpo_loss(torch.tensor([margin], dtype=torch.float64), beta)
        back = dpo_loss(torch.tensor([-margin], dtype=torch.float64), beta)
        assert (back - there).item() == pytest.approx(beta * margin, abs=1e-9)


def test_loss_is_the_mean_of_the_formula_over_pairs():
    margins = torch.tensor([-3.0, 0.5, 12.0])
    by_hand = [-math.log(1 / (1 + math.exp(-0.1 * m))) for m in margins.tolist()]
    assert dpo_loss(margins, 0.1).item() == pytest.approx(sum(by_hand) / 3, rel=1e-6)


def test_far_margins_overflow_nowhere():
    assert dpo_loss(torch.tensor([1e6]), 1.0).item() == 0.0
    assert dpo_loss(torch.tensor([-1e6]), 1.0).item() == 1e6


def test_margin_by_hand_and_its_sign():
    args = [torch.tensor([value]) for value in (-1.0, -2.0, -1.5, -1.75)]
    assert dpo_margins(*args).item() == pytest.approx((-1 + 1.5) - (-2 + 1.75))
    chosen, rejected, *reference = args
    assert dpo_margins(chosen + 1, rejected, *reference) > dpo_margins(*args)
    assert dpo_margins(chosen, rejected + 1, *reference) < dpo_margins(*args)


def test_of_one_side_alone_the_other_moves_nothing_and_both_make_the_margin():
    args = [torch.tensor([value]) for value in (-1.0, -2.0, -1.5, -1.75)]
    chosen, rejected, *reference = args
    of_chosen, of_rejected = (dpo_margins(*args, only_side=side) for side in ("chosen", "rejected"))
    assert (of_chosen.item(), of_rejected.item()) == pytest.approx((0.5, 0.25))
    assert of_chosen + of_rejected == dpo_margins(*args)
    assert dpo_margins(chosen, rejected + 1, *reference, only_side="chosen") == of_chosen
    assert dpo_margins(chosen + 1, rejected, *reference, only_side="rejected") == of_rejected
