"""References are computed once, by all ranks together, and a file of others is never taken for them."""

from __future__ import annotations

import logging

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from synthscale.training import references as module
from synthscale.training.config import Precision
from synthscale.training.encoding import EncodedExample, EncodedSide, Encoder
from synthscale.training.references import keep_references, reference_logprobs, weights_digest


@pytest.fixture
def encoded(base_policy, positives, pairs) -> list[EncodedExample]:
    encoder = Encoder(base_policy.prompter, eos_after_prefix=False)
    return [encoder.encode(example) for example in [*pairs[:4], positives[0], *pairs[4:]]]


@pytest.fixture
def keep(tmp_path, random_policy, encoded, monkeypatch):
    """Keeps references in one file; says how often they were computed."""
    computed = []
    compute = module.reference_logprobs
    monkeypatch.setattr(module, "reference_logprobs", lambda *a, **k: computed.append(1) or compute(*a, **k))

    def make(seed: int = 0, digest: str = "a", precision: Precision = Precision.full) -> tuple[torch.Tensor, int]:
        computed.clear()
        model, path = random_policy(seed).model, tmp_path / "references"
        kept = keep_references(path, model, encoded, digest, 0, 4, precision, lambda values: values)
        return kept, len(computed)

    return make


def test_they_are_computed_once(keep, tmp_path, encoded, random_policy):
    first, times = keep()
    again, later = keep()
    assert (times, later) == (1, 0)
    assert first.equal(again) and first.equal(load_file(tmp_path / "references")["logprobs"])
    assert torch.allclose(first, reference_logprobs(random_policy(0).model, encoded, 0, 100), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 1}, "policy"), ({"digest": "b"}, "tokens"), ({"precision": Precision.bf16_mixed}, "precision")],
)
def test_those_of_another_policy_of_other_tokens_or_of_another_precision_are_not_used(keep, change, named, caplog):
    first, _ = keep()
    with caplog.at_level(logging.WARNING):
        other, times = keep(**change)
    assert times == 1 and f"was computed from other {named}, so" in caplog.text
    assert other.equal(first) == ("digest" in change)
    assert keep(**change)[1] == 0, "they have taken the others' place"


@pytest.mark.parametrize("damage", [b"", b"nothing of the kind", None])
def test_a_damaged_file_is_computed_anew(keep, tmp_path, damage, caplog):
    first, _ = keep()
    path = tmp_path / "references"
    path.write_bytes(path.read_bytes()[:-5] if damage is None else damage)
    again, times = keep()
    assert times == 1 and again.equal(first) and "cannot be read" in caplog.text


@pytest.mark.parametrize("origin", [{}, {"origin": "[]"}, {"origin": "null"}, {"origin": "nothing"}])
def test_a_file_without_an_origin_is_not_used(keep, tmp_path, origin):
    first, _ = keep()
    save_file({"logprobs": first + 1}, tmp_path / "references", origin)
    again, times = keep()
    assert times == 1 and again.equal(first)


@pytest.mark.parametrize("damage", [lambda kept: kept[:1], lambda kept: kept / 0])
def test_a_file_without_a_number_for_every_pair_is_computed_anew(keep, tmp_path, damage, caplog):
    first, _ = keep()
    path = tmp_path / "references"
    with safe_open(path, "pt") as file:
        origin = file.metadata()
    save_file({"logprobs": damage(first).contiguous()}, path, origin)
    again, times = keep()
    assert times == 1 and again.equal(first) and "cannot be read" in caplog.text


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 11])
def test_ranks_shares_add_up_to_the_whole(random_policy, encoded, num_ranks):
    model = random_policy(0).model
    whole = reference_logprobs(model, encoded, 0, 4)
    shares = [reference_logprobs(model, encoded, 0, 4, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
    assert torch.allclose(sum(shares), whole, atol=1e-4)
    assert all(sum(bool(share[i].any()) for share in shares) == 1 for i in range(len(whole)))


def test_a_rank_that_has_no_file_makes_all_compute(keep, tmp_path, random_policy, encoded):
    """Also the one that has it, since ranks do that together."""
    first, _ = keep()
    path, spoken = tmp_path / "references", []

    def sum_over_ranks(values: torch.Tensor) -> torch.Tensor:
        spoken.append(values)
        return values

    more = {"rank": 0, "num_ranks": 2}
    keep_references(path, random_policy(0).model, encoded, "a", 0, 4, Precision.full, sum_over_ranks, **more)
    assert [values.shape for values in spoken] == [torch.Size([]), first.shape]


def test_the_hash_is_of_names_forms_and_every_weight(random_policy):
    model = random_policy(0).model
    digests = [weights_digest(model), weights_digest(random_policy(1).model), weights_digest(model.bfloat16())]
    name, weight = list(model.named_parameters())[-1]
    weight.data.view(-1)[-1] += 1
    assert len({*digests, weights_digest(model)}) == 4, name
    assert weights_digest(random_policy(0).model) == digests[0]


def test_without_pairs_there_are_none(random_policy):
    examples = [EncodedExample((EncodedSide([1, 2], [False, True]),))]
    assert reference_logprobs(random_policy(0).model, examples, 0, 4).shape == (0, 2)
