"""Tokens on disk are those in memory, and a training is the same with either."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from synthscale.mixture.example import Example
from synthscale.policy.config import PolicyConfig
from synthscale.policy.policy import load_policy
from synthscale.policy.prompter import Prompt, Prompter
from synthscale.training.data import MixedDataModule
from synthscale.training.encoding import EncodedExample, EncodedSide, Encoder
from synthscale.training.layout import Rows
from synthscale.training.references import reference_logprobs
from synthscale.training.tokens import Tokens, keep_tokens, pair_mask, pairs_of, positives_of, write_tokens


@pytest.fixture(scope="module")
def examples(traces) -> list[Example]:
    """Positives and pairs of all forms, mixed."""
    made = []
    for i, (problem, trace) in enumerate(traces[:24]):
        first = trace.split("\n")[0] + "\n"
        wrong = ("p9" + first[2:], f"{trace} 1", None)[i % 3]
        made.append(Example(problem.problem_id, problem.text + "\n", trace, wrong, i % 2 == 0, i % 4 == 0))
    return made


@pytest.fixture
def weighed(base_policy, examples) -> list[EncodedExample]:
    """Solutions with advantages, between some without."""
    made = []
    for i, example in enumerate(examples):
        first = example.chosen.index("\n") + 1
        steps = {"step_ends": (first, len(example.chosen)), "advantages": (0.25, -0.5)} if i % 3 == 1 else {}
        made.append(Example(example.problem_id, example.prompt, example.chosen, **steps))
    return list(Encoder(base_policy.prompter, eos_after_prefix=False).encode_all(made))


@pytest.fixture(scope="module")
def encoded(base_policy, examples) -> list[EncodedExample]:
    return list(Encoder(base_policy.prompter, eos_after_prefix=False).encode_all(examples))


@pytest.fixture
def tokens(tmp_path, encoded) -> Tokens:
    return keep_tokens(tmp_path / "tokens", lambda: encoded)


def same_rows(some: list[Rows], others: list[Rows]) -> bool:
    """Whether the passes are the same in all."""

    def tensors(passes: list[Rows]) -> list[torch.Tensor | None]:
        names = [field.name for field in fields(Rows) if field.name != "packing"]
        packings = [(*p.places_SL, p.back_T) for rows in passes if (p := rows.packing) is not None]
        return [getattr(rows, name) for rows in passes for name in names] + [t for parts in packings for t in parts]

    return all(a is b is None or a.equal(b) for a, b in zip(tensors(some), tensors(others), strict=True))


def test_they_come_back_as_they_were(tokens, encoded):
    assert len(tokens) == len(encoded)
    assert list(tokens) == tokens[:] == encoded
    assert tokens[5:1:-2] == encoded[5:1:-2] and tokens[-1] == encoded[-1]
    assert pair_mask(tokens).tolist() == pair_mask(encoded).tolist() == [e.is_pair for e in encoded]
    for part_of, is_pair in ((positives_of, False), (pairs_of, True)):
        expected = [e for e in encoded if e.is_pair is is_pair]
        assert list(part_of(tokens)) == list(part_of(encoded)) == part_of(tokens)[:] == expected != []
    with pytest.raises(IndexError):
        tokens[len(encoded)]


def test_more_examples_than_are_written_at_once(tmp_path, encoded, monkeypatch):
    monkeypatch.setattr("synthscale.training.tokens.EXAMPLES_PER_WRITE", 5)
    write_tokens(tmp_path / "tokens", iter(encoded))
    assert list(Tokens(tmp_path / "tokens")) == encoded
    write_tokens(tmp_path / "none", [])
    assert list(Tokens(tmp_path / "none")) == []


def test_advantages_come_back_too_and_are_zero_where_there_are_none(tmp_path, weighed, encoded, monkeypatch):
    monkeypatch.setattr("synthscale.training.tokens.EXAMPLES_PER_WRITE", 5)
    tokens = keep_tokens(tmp_path / "tokens", lambda: weighed)
    for one, other in zip(tokens, weighed, strict=True):
        (side,), (expected,) = one.sides, other.sides
        assert (side.ids, side.counted) == (expected.ids, expected.counted)
        assert side.advantages == (expected.advantages or [0.0] * len(side.ids))
    assert {0.25, -0.5} <= set(tokens[1].sides[0].advantages)
    plain = [EncodedExample((EncodedSide(one.sides[0].ids, one.sides[0].counted),)) for one in weighed]
    without = keep_tokens(tmp_path / "plain", lambda: plain)
    assert list(without) == plain and without.digest() != tokens.digest()
    (tmp_path / "plain" / "advantages.f32").unlink()  # as an earlier version left it
    assert list(Tokens(tmp_path / "plain")) == plain and Tokens(tmp_path / "plain").digest() == without.digest()


def test_a_process_that_goes_on_tokenises_nothing_again_and_one_that_died_in_it_starts_anew(tmp_path, encoded):
    def dies():
        yield from encoded[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_tokens(tmp_path / "tokens", dies)
    assert not (tmp_path / "tokens").exists()
    assert list(keep_tokens(tmp_path / "tokens", lambda: encoded)) == encoded
    assert list(keep_tokens(tmp_path / "tokens", dies)) == encoded


def test_the_hash_is_of_the_tokens_and_of_which_count(tmp_path, encoded):
    *others, one = sorted(encoded, key=lambda example: example.is_pair)
    changed = [
        EncodedExample(tuple(EncodedSide([side.ids[0] + 1, *side.ids[1:]], side.counted) for side in one.sides)),
        EncodedExample(tuple(EncodedSide(side.ids, [*side.counted[:-1], False]) for side in one.sides)),
        EncodedExample(one.sides[:1]),
    ]
    sets = [[*others, one], *([*others, other] for other in changed), others]
    digests = [keep_tokens(tmp_path / str(i), lambda kept=kept: kept).digest() for i, kept in enumerate(sets)]
    assert len(set(digests)) == len(sets)
    assert Tokens(tmp_path / "0").digest() == digests[0] == keep_tokens(tmp_path / "again", lambda: sets[0]).digest()


def test_counted_tokens_that_stand_apart_are_refused(tmp_path):
    side = EncodedSide([1, 2, 3], [True, False, True])
    with pytest.raises(ValueError, match="do not stand together"):
        write_tokens(tmp_path / "tokens", [EncodedExample((side,))])


def test_batches_and_references_are_the_same_as_from_memory(base_policy, tokens, encoded):
    num_pairs = int(pair_mask(encoded).sum())
    reference = torch.arange(2.0 * num_pairs).reshape(-1, 2)
    settings = {"batch_size": 5, "num_updates": 20, "seed": 1, "pad_id": 0, "reference_logprobs": reference}
    one, other = (MixedDataModule(train, [], **settings) for train in (encoded, tokens))
    for a, b in zip(one.train_dataloader(), other.train_dataloader(), strict=True):
        assert same_rows(a.passes, b.passes) and a.order_S.equal(b.order_S) and a.whole == b.whole
        assert a.reference_logprobs_P2.equal(b.reference_logprobs_P2)
    logprobs = [reference_logprobs(base_policy.model, train, 0, 7) for train in (encoded, tokens)]
    assert logprobs[0].equal(logprobs[1]) and len(logprobs[0]) == num_pairs


@pytest.mark.parametrize("model", ["base", "llama"])
@pytest.mark.parametrize("eos_after_prefix", [False, True])
def test_in_batches_the_tokens_are_those_of_one_by_one(
    base_policy, small_llama, examples, model, eos_after_prefix, monkeypatch
):
    monkeypatch.setattr("synthscale.training.encoding.EXAMPLES_PER_BATCH", 7)
    prompter = base_policy.prompter if model == "base" else Prompter(load_policy(small_llama)[1], PolicyConfig())
    encoder = Encoder(prompter, eos_after_prefix=eos_after_prefix)
    in_batches = list(encoder.encode_all(iter(examples)))
    assert in_batches == [encoder.encode(example) for example in examples]
    for example, (chosen, *_) in zip(examples, (e.sides for e in in_batches), strict=True):
        prompt, solution = prompter.ids(Prompt(example.prompt)), prompter.solution_ids(example.chosen)
        assert chosen.ids == [*prompt, *solution, prompter.tokenizer.eos_token_id]
    texts = [example.prompt for example in examples]
    assert prompter.all_ids(texts) == [prompter.ids(Prompt(text)) for text in texts]
    assert prompter.all_solution_ids(["", *texts]) == [[], *(prompter.solution_ids(text) for text in texts)]
    assert prompter.all_ids([]) == prompter.all_solution_ids([]) == []
