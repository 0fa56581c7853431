"""Prompts are the same tokens in training, in this process's sampler and on a server that tokenises their text."""

from __future__ import annotations

import pytest

from synthscale.policy.config import PolicyConfig, PromptFormat
from synthscale.policy.prompter import Prompt, Prompter

PLAIN, CHAT = PolicyConfig(), PolicyConfig(prompt_format=PromptFormat.chat)
PROBLEM = "What is 1 + 12?\n"
STEPS = "Start with 12.\nso 1 + 12 = 13\n"
TEMPLATES = {"nothing": "$A", "bos": "<s> $A", "bos and eos": "<s> $A </s>", "eos": "$A </s>"}


def server_ids(prompter: Prompter, prompt: Prompt) -> list[int]:
    """What a server of raw completions makes of the text: what its tokenizer begins with is added, and no end."""
    ids = prompter.tokenizer(prompter.text(prompt))["input_ids"]
    return ids[:-1] if ids[-1] == prompter.tokenizer.eos_token_id else ids


@pytest.mark.parametrize("adds", TEMPLATES)
@pytest.mark.parametrize("sentencepiece", [False, True])
@pytest.mark.parametrize("config", [PLAIN, CHAT], ids=["plain", "chat"])
@pytest.mark.parametrize("prefix", ["", STEPS])
def test_a_servers_tokens_are_ours(make_tokenizer, adds, sentencepiece, config, prefix):
    prompter = Prompter(make_tokenizer(TEMPLATES[adds], sentencepiece=sentencepiece), config)
    prompt = Prompt(PROBLEM, prefix)
    ids = prompter.ids(prompt)
    assert ids == server_ids(prompter, prompt)
    bos, eos = prompter.tokenizer.bos_token_id, prompter.tokenizer.eos_token_id
    # one beginning where tokenizer or template adds one, however many do, and no end
    assert ids.count(bos) == (1 if "bos" in adds or config is CHAT else 0) and eos not in ids
    assert ids.index(bos) == 0 if bos in ids else True


@pytest.mark.parametrize("sentencepiece", [False, True])
def test_a_prefix_has_the_tokens_that_it_has_in_the_solution(make_tokenizer, sentencepiece):
    """At every line break, which is where steps end: rollouts go on from what training has seen."""
    prompter = Prompter(make_tokenizer("<s> $A", sentencepiece=sentencepiece), PLAIN)
    solution, prompt_ids = STEPS + "#### 13", prompter.ids(Prompt(PROBLEM))
    trained = prompt_ids + prompter.solution_ids(solution)
    ends = [i + 1 for i, character in enumerate(solution) if character == "\n"]
    for end in ends:
        rollout = prompter.ids(Prompt(PROBLEM, solution[:end]))
        assert trained[: len(rollout)] == rollout
    assert prompter.tokenizer.decode(trained, skip_special_tokens=True) == PROBLEM + solution


def test_sentencepieces_space_is_not_part_of_a_solution(make_tokenizer):
    prompter = Prompter(make_tokenizer("<s> $A", sentencepiece=True), PLAIN)
    assert prompter.tokenizer.tokenize("S")[0] == "▁S"
    assert prompter.tokenizer.convert_ids_to_tokens(prompter.solution_ids("Start"))[0] == "S"


@pytest.mark.parametrize("text", ["\n\nStart", " 1", "é", "", "so 12\n"])
def test_solutions_are_text_without_marks(make_tokenizer, text):
    tokenizer = make_tokenizer("<s> $A </s>")
    prompter = Prompter(tokenizer, PLAIN)
    assert tokenizer.decode(prompter.solution_ids(text)) == text


def test_the_embedded_learners_tokens_are_what_they_were(base_policy, traces):
    for problem, trace in traces:
        plain = base_policy.tokenizer(problem.text + "\n" + trace, add_special_tokens=False)["input_ids"]
        assert base_policy.prompter.ids(Prompt(problem.text + "\n", trace)) == plain
        assert base_policy.prompter.text(Prompt(problem.text + "\n", trace)) == problem.text + "\n" + trace


def test_where_one_token_is_beginning_and_end(make_tokenizer):
    """As GPT-2's and many others' <|endoftext|>."""
    both = make_tokenizer("</s> $A", bos="</s>")
    assert Prompter(both, PLAIN).ids(Prompt("1\n"))[0] == both.eos_token_id
    around = make_tokenizer("</s> $A </s>", bos="</s>")
    ids = Prompter(around, PLAIN).ids(Prompt("1\n"))
    assert (ids[0], ids.count(around.eos_token_id)) == (around.eos_token_id, 1)


def test_a_chat_holds_the_systems_word_and_the_users(make_tokenizer):
    config = PolicyConfig(prompt_format=PromptFormat.chat, system_prompt="Be brief.")
    prompter = Prompter(make_tokenizer("<s> $A"), config)
    text = prompter.text(Prompt("1 + 1?\n", "Well, "))
    assert text == "<|system|>Be brief.\n<|user|>1 + 1?\n\n<|assistant|>\nWell, "


def test_a_chat_without_a_template_is_refused(make_tokenizer):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(ValueError, match=r"model\.prompt_format=chat needs a chat template"):
        Prompter(tokenizer, CHAT)
    assert Prompter(tokenizer, PLAIN).text(Prompt("1")) == "1"


def test_what_a_template_refuses_is_said_before_anything_is_done(make_tokenizer):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    Prompter(tokenizer, CHAT)
    with pytest.raises(ValueError, match="refuses the prompt: no system role"):
        Prompter(tokenizer, PolicyConfig(prompt_format=PromptFormat.chat, system_prompt="Be brief."))


def test_a_system_prompt_without_a_chat_is_refused():
    with pytest.raises(ValueError, match=r"model\.system_prompt .* model\.prompt_format=chat"):
        PolicyConfig(system_prompt="Be brief.")
