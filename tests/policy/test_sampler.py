"""The sampler against transformers' own generate, a full forward, and the softmax it draws from."""

from __future__ import annotations

import pytest
import torch

from synthscale.policy import fixed_rows as fixed_rows_module
from synthscale.policy.config import PolicyConfig, SamplerConfig
from synthscale.policy.policy import load_policy
from synthscale.policy.prompter import Prompt, Prompter
from synthscale.policy.sampler import Sampler
from synthscale.problem import split_steps

MAX_NEW_TOKENS = 48


@pytest.fixture
def prompts(traces) -> list[Prompt]:
    """Prompts of several lengths in mixed order: problems, and problems with their first one to three steps."""
    return [
        Prompt(problem.text + "\n", "".join(s + "\n" for s in split_steps(trace)[: i % 4]))
        for i, (problem, trace) in enumerate(traces[:14])
    ]


@pytest.fixture
def odd_prompts(traces) -> list[Prompt]:
    """Prompts of one length that lead to solutions of very different lengths."""
    texts = [problem.text + "\n" for problem, _ in traces[:4]]
    texts += ["\n" * 6 + text for text in ("1 + 2\n", "3 * 4\n", "5 / 6\n")]
    return [Prompt(text) for text in [*texts, "= | p0 p1 2 3 4 + - \n"]]


def make(policy, max_batch_rows: int = 1024, max_new_tokens: int = MAX_NEW_TOKENS, **keys) -> Sampler:
    return Sampler(policy.model, policy.prompter, max_new_tokens=max_new_tokens, max_batch_rows=max_batch_rows, **keys)


def by_transformers(policy, prompt: Prompt) -> list[int]:
    """What generate writes after the prompt, the end-of-sequence token included."""
    ids = torch.tensor([policy.tokenizer(prompt.text + prompt.prefix, add_special_tokens=False)["input_ids"]])
    output = policy.model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=MAX_NEW_TOKENS
    )
    return output[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("max_batch_rows", [1, 3, 1024])
def test_greedy_equals_generate_token_for_token(base_policy, prompts, odd_prompts, max_batch_rows):
    texts = prompts + odd_prompts
    drawn = make(base_policy, max_batch_rows).sample(texts, 1, temperature=0.0, seed=0)
    eos = base_policy.tokenizer.eos_token_id
    for text, (continuation,) in zip(texts, drawn, strict=True):
        expected = by_transformers(base_policy, text)
        assert continuation.finished == (expected[-1] == eos)
        assert continuation.num_tokens == len(expected)
        ids = base_policy.tokenizer(continuation.text, add_special_tokens=False)["input_ids"]
        assert ids == [token for token in expected if token != eos], text


def test_the_shipped_base_executes_steps(base_policy, task, traces):
    problems = [problem for problem, _ in traces]
    drawn = make(base_policy).sample([Prompt(problem.text + "\n") for problem in problems], 1, temperature=0.0, seed=0)
    truths = [
        truth
        for problem, (continuation,) in zip(problems, drawn, strict=True)
        for truth in task.step_truths(problem, split_steps(continuation.text))
    ]
    assert sum(truth != "wrong_execution" for truth in truths) > 0.95 * len(truths)
    assert sum(truth == "wrong_decision" for truth in truths) > 0.1 * len(truths)  # and knows no precedence


def test_same_seed_same_samples_and_another_seed_others(base_policy, prompts):
    sampler = make(base_policy)
    first = sampler.sample(prompts, 4, temperature=1.0, seed=5)
    assert sampler.sample(prompts, 4, temperature=1.0, seed=5) == first
    assert sampler.sample(prompts, 4, temperature=1.0, seed=6) != first


class KeptBatches:
    """Shards in memory, which begin with some batches and note those that they are given."""

    def __init__(self, batches: dict) -> None:
        self.batches, self.given = batches, {}

    def load(self) -> dict:
        return self.batches

    def keep(self, batch_index: int, continuations: list) -> None:
        assert batch_index not in self.batches
        self.given[batch_index] = continuations


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_batches_that_are_kept_are_not_drawn_again_and_the_others_are_the_same(base_policy, prompts, temperature):
    sampler = make(base_policy, max_batch_rows=4)
    whole = KeptBatches({})
    expected = sampler.sample(prompts, 2, temperature=temperature, seed=5, shards=whole)
    assert len(whole.given) >= 6 and list(whole.given) == list(range(len(whole.given)))
    assert sampler.sample(prompts, 2, temperature=temperature, seed=5) == expected
    for kept in ([], [0], [0, 1, 2], [3], [1, 4], list(whole.given)):
        shards = KeptBatches({i: whole.given[i] for i in kept})
        calls: list[int] = []
        drawn = sampler.sample(
            prompts,
            2,
            temperature=temperature,
            seed=5,
            shards=shards,
            advance=lambda done, total, to=calls: to.append(done),
        )
        assert drawn == expected
        assert shards.given == {i: batch for i, batch in whole.given.items() if i not in kept}
        assert len(calls) == len(whole.given) and calls[-1] == len(prompts)


def test_sampling_leaves_torchs_global_generator_alone(base_policy, prompts):
    before = torch.random.get_rng_state()
    make(base_policy).sample(prompts[:2], 2, temperature=1.0, seed=5)
    assert torch.random.get_rng_state().equal(before)


def test_samples_stand_in_the_prompts_order(base_policy, prompts):
    together = make(base_policy, max_batch_rows=6).sample(prompts, 3, temperature=0.0, seed=0)
    assert [len(samples) for samples in together] == [3] * len(prompts)
    alone = [make(base_policy).sample([prompt], 1, temperature=0.0, seed=0)[0][0] for prompt in prompts]
    assert together == [[continuation] * 3 for continuation in alone]


def test_no_prompts_no_samples(base_policy):
    assert make(base_policy).sample([], 3, temperature=1.0, seed=0) == []


def test_progress_counts_prompts_up_to_all(base_policy, prompts):
    calls: list[tuple[int, int]] = []
    make(base_policy, max_batch_rows=4).sample(
        prompts, 2, temperature=1.0, seed=0, advance=lambda done, total: calls.append((done, total))
    )
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert calls[-1] == (len(prompts), len(prompts))


@pytest.fixture(params=[None, (16, 0.75), (1, 0.0), (1, 1.01), (5, 0.9)])
def fixed_rows(request, monkeypatch) -> bool:
    """Whether each sample has a row; and then, when the host looks, and how many rows have to go on for all to stay."""
    if request.param is not None:
        monkeypatch.setattr(fixed_rows_module, "CHECK_TOKENS", request.param[0])
        monkeypatch.setattr(fixed_rows_module, "ROWS_SHARE", request.param[1])
    return request.param is not None


def test_a_row_for_every_sample_draws_the_same(base_policy, prompts, odd_prompts, fixed_rows):
    texts = prompts + odd_prompts
    expected = make(base_policy, 40).sample(texts, 4, temperature=1.0, seed=3)
    assert make(base_policy, 40, fixed_rows=fixed_rows).sample(texts, 4, temperature=1.0, seed=3) == expected


def test_rows_that_go_on_do_not_notice_that_others_left(base_policy, odd_prompts, fixed_rows):
    drawn = make(base_policy, fixed_rows=fixed_rows).sample(odd_prompts, 2, temperature=0.0, seed=0)
    assert len({samples[0].num_tokens for samples in drawn}) > 2  # they do end at different places
    for prompt, samples in zip(odd_prompts, drawn, strict=True):
        assert [make(base_policy).sample([prompt], 1, temperature=0.0, seed=0)[0][0]] * 2 == samples


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_first_tokens_come_as_often_as_the_softmax_says(base_policy, temperature):
    num_samples, prompt = 4000, Prompt("4 / 3 / 3 + 3 * 4\n")
    drawn = make(base_policy, 10_000, max_new_tokens=1).sample([prompt], num_samples, temperature=temperature, seed=1)
    ids = torch.tensor([base_policy.tokenizer(prompt.text + prompt.prefix, add_special_tokens=False)["input_ids"]])
    with torch.inference_mode():
        probabilities = torch.softmax(base_policy.model(input_ids=ids).logits[0, -1] / temperature, dim=0)
    words = [base_policy.tokenizer.decode([i]) for i in range(len(probabilities))]
    chi_square, num_cells = 0.0, 0
    for i, probability in enumerate(probabilities.tolist()):
        is_eos = i == base_policy.tokenizer.eos_token_id
        count = sum(c.finished if is_eos else not c.finished and c.text == words[i] for c in drawn[0])
        if num_samples * probability > 5:
            chi_square += (count - num_samples * probability) ** 2 / (num_samples * probability)
            num_cells += 1
    assert num_cells >= 2
    assert chi_square < num_cells + 6 * (2 * num_cells) ** 0.5


def test_a_continuation_cut_at_the_limit_has_not_finished(base_policy, traces):
    problem, _ = traces[0]
    whole = make(base_policy).sample([Prompt(problem.text + "\n")], 1, temperature=0.0, seed=0)[0][0]
    assert whole.finished
    exact = make(base_policy, max_new_tokens=whole.num_tokens).sample(
        [Prompt(problem.text + "\n")], 1, temperature=0.0, seed=0
    )
    assert exact == [[whole]]  # the end-of-sequence token is the last that fits
    (cut,) = make(base_policy, max_new_tokens=whole.num_tokens - 1).sample(
        [Prompt(problem.text + "\n")], 1, temperature=0.0, seed=0
    )[0]
    assert not cut.finished
    assert cut.num_tokens == whole.num_tokens - 1
    assert whole.text == cut.text


def test_built_with_the_configs_limits(base_policy):
    config = SamplerConfig(temperature=1.0, num_samples=4, max_new_tokens=7, max_batch_rows=9, stop=["\n\n"])
    sampler = Sampler.build(config, base_policy.model, base_policy.prompter)
    assert (sampler.max_new_tokens, sampler.max_batch_rows, sampler.stop.texts) == (7, 9, ["\n\n"])


@pytest.mark.parametrize("stop", [("\n",), ("| ", "\n"), ("= 4",), ("never",), ("p0", "p1", "p2", "p3")])
def test_a_row_ends_before_the_first_stop_text(base_policy, odd_prompts, stop, fixed_rows):
    """With what the same row would have been without any; the other rows do not notice."""
    free = make(base_policy).sample(odd_prompts, 1, temperature=0.0, seed=0)
    stopped = make(base_policy, stop=stop, fixed_rows=fixed_rows).sample(odd_prompts, 1, temperature=0.0, seed=0)
    tokenizer = base_policy.tokenizer
    for (whole,), (cut,) in zip(free, stopped, strict=True):
        places = [whole.text.index(text) for text in stop if text in whole.text]
        if not places:
            assert cut == whole
            continue
        assert cut.text == whole.text[: min(places)] and cut.finished
        words = tokenizer(whole.text, add_special_tokens=False)["input_ids"]
        needed = next(n for n in range(len(words) + 1) if any(text in tokenizer.decode(words[:n]) for text in stop))
        assert cut.num_tokens == needed  # those of the stop text were drawn too
    assert any(cut.text != whole.text for (whole,), (cut,) in zip(free, stopped, strict=True)) == (stop != ("never",))


@pytest.fixture
def writing(small_llama):
    """A sampler of a policy that writes a text, in bytes, after a prompt of two; with what ends its solutions."""
    model, tokenizer = load_policy(small_llama)
    forward = model.forward

    def make(text: str, *stop: str, end: list[int] | None = None, max_new_tokens: int = 80) -> Sampler:
        ids = torch.tensor(
            [0, *tokenizer(text, add_special_tokens=False)["input_ids"]] + [tokenizer.eos_token_id] * 100
        )

        def scripted(**inputs):
            output = forward(**inputs)
            num_rows, length = inputs["input_ids"].shape
            positions = inputs.get("position_ids", torch.arange(length).expand(num_rows, -1))
            positions = positions[:, -output.logits.shape[1] :]
            output.logits = torch.nn.functional.one_hot(ids[positions], output.logits.shape[-1]).float()
            return output

        model.forward = scripted
        model.generation_config.eos_token_id = end or tokenizer.eos_token_id
        prompter = Prompter(tokenizer, PolicyConfig())
        return Sampler(model, prompter, max_new_tokens=max_new_tokens, max_batch_rows=8, stop=stop)

    return make


def written(sampler: Sampler) -> tuple[str, int, bool]:
    ((continuation,),) = sampler.sample([Prompt("1\n")], 1, temperature=0.0, seed=0)
    assert sampler._decoding.__name__ == "decode_shared"
    return continuation.text, continuation.num_tokens, continuation.finished


def test_a_stop_text_spread_over_tokens_is_found(writing):
    """Here every byte is a token, and é and the arrow are two and three."""
    assert written(writing("a\n\nQuestion: b", "\n\nQuestion:")) == ("a", 12, True)
    assert written(writing("né → 5", "é →")) == ("n", 7, True)
    assert written(writing("x" * 70 + "→", "→")) == ("x" * 70, 73, True)


def test_a_stop_text_and_the_limit(writing):
    assert written(writing("ab##", "##", max_new_tokens=4)) == ("ab", 4, True)
    assert written(writing("ab##", "##", max_new_tokens=3)) == ("ab#", 3, False)
    assert written(writing("##", "##")) == ("", 2, True)


def test_a_solution_ends_in_any_token_that_the_model_names(writing, small_llama):
    """Chat models name several; the tokenizer's own ends one in any case."""
    tokenizer = load_policy(small_llama)[1]
    bang = tokenizer("!", add_special_tokens=False)["input_ids"][0]
    assert written(writing("ab!cd")) == ("ab!cd", 6, True)
    assert written(writing("ab!cd", end=[bang, tokenizer.eos_token_id])) == ("ab", 3, True)
    assert written(writing("abcd", end=[bang])) == ("abcd", 5, True)


def test_without_stop_texts_nothing_is_decoded_while_drawing(base_policy, odd_prompts, monkeypatch):
    sampler = make(base_policy)
    monkeypatch.setattr(sampler.stop, "ends", None)
    assert sampler.sample(odd_prompts, 1, temperature=0.0, seed=0)


def test_a_model_without_room_for_a_solution_is_refused_and_one_with_little_room_cuts_it(base_policy):
    sampler = make(base_policy)
    assert sampler.max_length == 128
    with pytest.raises(ValueError, match="the longest prompt has 128 tokens, and the model takes 128"):
        sampler.sample([Prompt("1 " * 127 + "\n")], 1, temperature=0.0, seed=0)
    ((cut,),) = sampler.sample([Prompt("1 " * 124 + "\n")], 1, temperature=0.0, seed=0)
    assert cut.num_tokens <= 3 and (cut.finished or cut.num_tokens == 3)
