"""Prompts and solutions as text and as tokens of one model: the same in training, in sampling and on a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from synthscale.policy.config import PolicyConfig, PromptFormat

_LINE_END = "\n"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a policy goes on from: a problem as its task puts it, and the first steps of a solution, if any."""

    text: str
    prefix: str = ""


class Prompter:
    """Puts prompts in a model's form.

    Prompt and solution are tokenised apart, so that a prefix of a solution has the tokens that it was trained with. A
    server tokenises both at once, which comes to the same where the prompt ends in a line break or the template's own
    token, as all tasks' and templates' do. A reasoning model's template is used as it stands, thinking or not.

    Raises:
        ValueError: if a chat is asked for and the tokenizer has no chat template, or one that refuses it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: PolicyConfig) -> None:
        self.tokenizer = tokenizer
        self.config = config
        empty: list[int] = tokenizer("")["input_ids"]  # what the tokenizer puts around a text
        bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        self._adds_bos = bos is not None and empty[:1] == [bos]
        self._adds_eos = empty[-1:] == [eos] and len(empty) > (self._adds_bos and bos == eos)
        self._line_end_ids = self._plain_ids(_LINE_END)
        if config.prompt_format is PromptFormat.chat:
            self._check_template()

    def text(self, prompt: Prompt) -> str:
        """The prompt as a server of raw completions is sent it, which adds what its tokenizer begins with."""
        return self._framed(prompt.text) + prompt.prefix

    def ids(self, prompt: Prompt) -> list[int]:
        """The prompt's tokens, from the beginning-of-sequence token on, where the tokenizer has one."""
        return self._begun(self._framed(prompt.text)) + self.solution_ids(prompt.prefix)

    def solution_ids(self, text: str) -> list[int]:
        """The tokens of a solution or a part of one, without any end.

        As tokens that follow a line break: at the beginning of a text SentencePiece's tokenizers would add a space.
        """
        return self.all_solution_ids([text])[0]

    def all_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of many prompts without a prefix, as `ids` gives them; several times as fast as one by one."""
        begun = self._ids_of([self._framed(text) for text in texts], add_special_tokens=True)
        return [ids[:-1] if self._adds_eos else ids for ids in begun]

    def all_solution_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of many solutions, as `solution_ids` gives them."""
        found = self._ids_of([_LINE_END + text for text in texts], add_special_tokens=False)
        return [self._solution_of(ids, text) for ids, text in zip(found, texts, strict=True)]

    def _ids_of(self, texts: list[str], *, add_special_tokens: bool) -> list[list[int]]:
        if not texts:
            return []
        only_ids = {"return_attention_mask": False, "return_token_type_ids": False}  # half of the time goes into these
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=add_special_tokens, **only_ids)["input_ids"]
        return ids

    def _solution_of(self, ids: list[int], text: str) -> list[int]:
        if not text:
            return []
        before = self._line_end_ids
        return ids[len(before) :] if before and ids[: len(before)] == before else self._plain_ids(text)

    def _plain_ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _framed(self, text: str) -> str:
        if self.config.prompt_format is PromptFormat.plain:
            return text
        system = self.config.system_prompt
        messages = [] if system is None else [{"role": "system", "content": system}]
        messages.append({"role": "user", "content": text})
        framed = str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        bos = self.tokenizer.bos_token
        return framed.removeprefix(str(bos)) if self._adds_bos else framed

    def _begun(self, text: str) -> list[int]:
        """The text's tokens with what the tokenizer begins with, and without what it may end with."""
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids[:-1] if self._adds_eos else ids

    def _check_template(self) -> None:
        name = self.tokenizer.name_or_path
        if not self.tokenizer.chat_template:
            raise ValueError(
                f"model.prompt_format=chat needs a chat template, and the tokenizer of {name} has none: "
                f"use model.prompt_format=plain."
            )
        try:
            self._framed("1 + 1 = ?")
        except TemplateError as error:
            raise ValueError(f"The chat template of {name} refuses the prompt: {error}") from error
