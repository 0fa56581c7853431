"""Prompts and solutions as text and as tokens of one model: the same in training, in sampling and on a server."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from synthscale.policy.config import PolicyConfig, PromptFormat


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a policy goes on from: a problem as its task puts it, and the first steps of a solution, if any."""

    text: str
    prefix: str = ""


class Prompter:
    """Puts prompts in a model's form.

    Prompt and solution are tokenised apart, so that a prefix of a solution has the tokens that it was trained with.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: PolicyConfig) -> None:
        self.tokenizer = tokenizer
        self.config = config

    def text(self, prompt: Prompt) -> str:
        """The prompt as a server of raw completions is sent it, which adds what its tokenizer begins with."""
        return self._framed(prompt.text) + prompt.prefix

    def ids(self, prompt: Prompt) -> list[int]:
        """The prompt's tokens, from the beginning-of-sequence token on, where the tokenizer has one."""
        return self._begun(self._framed(prompt.text)) + self.solution_ids(prompt.prefix)

    def solution_ids(self, text: str) -> list[int]:
        """The tokens of a solution or a part of one, without any end."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
        return ids

    def _framed(self, text: str) -> str:
        if self.config.prompt_format is PromptFormat.plain:
            return text
        system = self.config.system_prompt
        messages = [] if system is None else [{"role": "system", "content": system}]
        messages.append({"role": "user", "content": text})
        framed = str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        bos = self.tokenizer.bos_token
        return framed.removeprefix(bos) if bos and self._begins_with_bos() else framed

    def _begins_with_bos(self) -> bool:
        return self._begun("")[:1] == [self.tokenizer.bos_token_id]

    def _begun(self, text: str) -> list[int]:
        """The text's tokens with what the tokenizer begins with, and without what it may end with."""
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids[:-1] if ids and ids[-1] == self.tokenizer.eos_token_id != self.tokenizer.bos_token_id else ids
