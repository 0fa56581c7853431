"""The paper's Theorem 6.1 on a policy that is a table, and the weights by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from synthscale.objective.advantage_weighted import weighted_logprobs
from synthscale.objective.dpo import dpo_loss, dpo_margins
from synthscale.objective.sft import sft_loss

# A world of two steps with three choices each: state 0 is the problem, state 1 + a is what follows its choice a. After
# both steps the chance of a right answer is REWARD[first][second].
REWARD = torch.tensor([[0.9, 0.2, 0.0], [0.6, 0.5, 1.0], [0.0, 0.1, 0.3]], dtype=torch.float64)
LOGITS = torch.tensor(
    [[0.0, 0.7, -0.4], [1.0, 0.0, 0.3], [-0.5, 0.2, 0.0], [0.0, 0.0, 1.5]], dtype=torch.float64
)  # of pi_sft, [state, choice]
SFT = LOGITS.softmax(dim=1)
VISITS = torch.cat([torch.ones(1, dtype=torch.float64), SFT[0]])  # how often pi_sft comes to each state
Q = torch.cat([(SFT[1:] * REWARD).sum(dim=1)[None], REWARD])  # of each choice, going on by pi_sft
ADVANTAGE = Q - (SFT * Q).sum(dim=1, keepdim=True)


def minimised(loss: Callable[[Tensor], Tensor]) -> Tensor:
    """The policy, [state, choice], that minimises a loss of its log-probabilities, from another than pi_sft."""
    logits = torch.zeros_like(LOGITS).requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(logits.log_softmax(dim=1))
        value.backward()
        return value

    optimizer.step(closure)
    return logits.detach().softmax(dim=1)


def per_step_dpo(beta: float) -> Callable[[Tensor], Tensor]:
    """The mean of `dpo_loss` over all step pairs: a state, two choices by pi_sft, one preferred by σ(A(+) − A(−))."""
    pairs = [(state, chosen, rejected) for state in range(4) for chosen in range(3) for rejected in range(3)]
    state, chosen, rejected = torch.tensor(pairs).T
    preferred = torch.sigmoid(ADVANTAGE[state, chosen] - ADVANTAGE[state, rejected])
    share = VISITS[state] * SFT[state, chosen] * SFT[state, rejected] * preferred
    reference = SFT.log()

    def loss(logprobs: Tensor) -> Tensor:
        sides = [of[state, choice] for of in (logprobs, reference) for choice in (chosen, rejected)]
        margins = dpo_margins(*sides)
        return (share * torch.stack([dpo_loss(margin[None], beta) for margin in margins])).sum()

    return loss


def advantage_weighted(beta: float) -> Callable[[Tensor], Tensor]:
    """The mean of `sft_loss` of `weighted_logprobs` over all steps that pi_sft takes."""
    share, one = (VISITS[:, None] * SFT).flatten(), torch.ones(1)

    def loss(logprobs: Tensor) -> Tensor:
        weighted = weighted_logprobs(logprobs.flatten(), ADVANTAGE.flatten(), beta)
        return (share * torch.stack([sft_loss(step[None], one) for step in weighted])).sum()

    return loss


@pytest.mark.parametrize("beta", [0.25, 0.5, 1.0, 3.0])
def test_per_step_dpo_and_advantage_weighted_rl_have_one_optimum(beta):
    """π*(a|s) ∝ pi_sft(a|s) · exp(A(s, a) / β), with the same β in both, if preferences are σ(A(+) − A(−)) unscaled.

    DPO: of a pair of choices the expected loss, −p log σ(β m) − (1 − p) log σ(−β m), is smallest where σ(β m) = p, that
    is where β m = A(+) − A(−). A table can have such a margin m = log π(+)/pi_sft(+) − log π(−)/pi_sft(−) for all
    pairs at once: log π/pi_sft is then A/β and a constant of the state.

    Advantage-weighted: in a state the loss is a cross-entropy between pi_sft · exp(A/β), normalised, and π, times how
    often the state comes and the normaliser; it is smallest where both agree.

    So preferences by σ((A(+) − A(−)) / τ) would have DPO's optimum at exp(A / (τ β)), and need that β in the weights.
    """
    expected = SFT * (ADVANTAGE / beta).exp()
    expected /= expected.sum(dim=1, keepdim=True)
    by_pairs, by_weights = minimised(per_step_dpo(beta)), minimised(advantage_weighted(beta))
    assert (by_pairs - expected).abs().max() < 1e-5
    assert (by_weights - expected).abs().max() < 1e-5
    assert (by_pairs - by_weights).abs().max() < 1e-5
    assert (expected - SFT).abs().max() > 0.02, "the optimum is another policy than pi_sft"


def test_steps_that_all_are_worth_as_much_are_imitated_as_they_are():
    logprobs = -torch.rand(9) * 20
    assert weighted_logprobs(logprobs, torch.zeros(9), 0.1).equal(logprobs)
    assert weighted_logprobs(logprobs, torch.zeros(9), 0.1, 1.0).equal(logprobs)


def test_weights_by_hand_and_their_cap():
    logprobs, advantages = torch.full((4,), -2.0), torch.tensor([-1.0, 0.0, 0.25, 1.0])
    by_hand = [-2.0 * math.exp(a / 0.5) for a in advantages.tolist()]
    assert weighted_logprobs(logprobs, advantages, 0.5).tolist() == pytest.approx(by_hand, rel=1e-6)
    capped = weighted_logprobs(logprobs, advantages, 0.5, 5.0)
    assert capped.tolist() == pytest.approx([*by_hand[:3], -10.0], rel=1e-6)
    assert weighted_logprobs(logprobs, torch.ones(4), 1e-6, 20.0).tolist() == pytest.approx([-40.0] * 4, rel=1e-5)
