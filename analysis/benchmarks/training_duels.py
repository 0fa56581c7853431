"""Training beside TRL's trainers: step pairs beside DPOTrainer, solutions beside SFTTrainer with packing.

Both train the same Llama of 20 M random weights in float32 with the same optimizer on the same made-up tokens, through
their own trainers: what Lightning or transformers do around an update is part of the work, and so is the start of a
trainer, which is some hundredths of a second. Lengths are those of GSM8K in a vocabulary of 8,192. Before they start,
both must say the same of the same examples.

TRL is used as its documentation has it for a CPU: no gradient checkpointing, no workers, nothing logged or saved, and
its own dtype, bfloat16, switched off. Packing without FlashAttention: `bfd` keeps examples apart, by a mask over all
that a batch holds, so it goes fastest with one short row at a time and accumulated gradients, which is what it gets.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.duel import Duel
from benchmarks.llama import VOCABULARY, random_llama

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    from synthscale.training.data import MixedDataModule
    from synthscale.training.encoding import EncodedExample

EOS = 0
PAIRS_PER_UPDATE, SOLUTIONS_PER_UPDATE = 4, 8
ROW_TOKENS, ROWS_PER_UPDATE = 896, 2  # of TRL's packing, so that an update has as many tokens as ours, within 4 %
UPDATES_PER_TURN = 2
LEARNING_RATE, BETA = 1e-5, 0.1
TOLERANCE = 1e-4  # relative, of log-probabilities in float32


@contextmanager
def step_pairs() -> Iterator[Duel]:
    """Pairs a second: a shared prompt and steps of 100 to 150 tokens, chosen rests of 60 to 100, wrong of 20 to 30."""
    from synthscale.training.references import reference_logprobs

    with tempfile.TemporaryDirectory() as folder:
        model, examples = random_llama(EOS, EOS), made_pairs(4 * PAIRS_PER_UPDATE)
        trainer = dpo_trainer(copy.deepcopy(model), examples, folder)
        references = reference_logprobs(model, examples, EOS, 2 * PAIRS_PER_UPDATE)
        data = mixed_data(examples, 2 * PAIRS_PER_UPDATE, references)
        for i, name in enumerate(("ref_chosen_logps", "ref_rejected_logps")):
            assert np.allclose(trainer.train_dataset[name], references[:, i], rtol=TOLERANCE), (
                "they do not train on the same"
            )
        num_pairs = float(PAIRS_PER_UPDATE * UPDATES_PER_TURN)

        def ours() -> float:
            fit_once(model, data, folder)
            return num_pairs

        def their_turn() -> float:
            trainer.train()
            return num_pairs

        work = "step pairs of a 20 M Llama, 4 an update, float32, references precomputed"
        yield Duel(work, "pairs", f"{peer()} DPOTrainer", ours, their_turn, bar=2.0)


@contextmanager
def solutions() -> Iterator[Duel]:
    """Tokens a second of problems of 50 to 120 tokens with solutions of 80 to 160, of which the latter count.

    Beside TRL's packing that keeps examples apart, as ours does.
    """
    with tempfile.TemporaryDirectory() as folder:
        model, examples = random_llama(EOS, EOS), made_solutions(12 * SOLUTIONS_PER_UPDATE)
        trainer = sft_trainer(copy.deepcopy(model), examples, folder)
        data = mixed_data(examples, SOLUTIONS_PER_UPDATE)
        check_losses(model, trainer)
        lengths = [len(example.sides[0].ids) for example in examples]

        def ours() -> float:
            fit_once(model, data, folder)
            return float(sum(lengths[i] for positives, _ in data.plan for i in positives))

        def theirs() -> float:
            before = trainer._total_train_tokens
            trainer.train()
            return float(trainer._total_train_tokens - before)

        work = "solutions for a 20 M Llama, 1,700 tokens an update, float32, packed"
        yield Duel(work, "tokens", f"{peer()} SFTTrainer, packing=bfd", ours, theirs, bar=1.3)


def made_pairs(number: int) -> list[EncodedExample]:
    """Step pairs of random tokens; of the shared tokens 40 are a shared step, which counts on both sides."""
    from synthscale.training.encoding import EncodedExample, EncodedSide

    generator = np.random.default_rng(0)

    def drawn(low: int, high: int) -> list[int]:
        ids: list[int] = generator.integers(1, VOCABULARY, generator.integers(low, high + 1)).tolist()
        return ids

    made = []
    for _ in range(number):
        shared, chosen, rejected = drawn(100, 150), drawn(60, 100), drawn(20, 30)
        num_prompt = len(shared) - 40
        sides = [[*shared, *rest, EOS] for rest in (chosen, rejected)]
        made.append(
            EncodedExample(tuple(EncodedSide(ids, [t >= num_prompt for t in range(len(ids))]) for ids in sides))
        )
    return made


def made_solutions(number: int) -> list[EncodedExample]:
    """Problems and solutions of random tokens."""
    from synthscale.training.encoding import EncodedExample, EncodedSide

    generator = np.random.default_rng(1)
    made = []
    for _ in range(number):
        num_prompt, num_solution = generator.integers(50, 121), generator.integers(80, 161)
        ids = [*generator.integers(1, VOCABULARY, num_prompt + num_solution - 1).tolist(), EOS]
        made.append(EncodedExample((EncodedSide(ids, [t >= int(num_prompt) for t in range(len(ids))]),)))
    return made


def mixed_data(examples: list[EncodedExample], batch_size: int, references: Any = None) -> MixedDataModule:
    """Our batches."""
    from synthscale.training.data import MixedDataModule

    return MixedDataModule(
        examples,
        [],
        batch_size=batch_size,
        num_updates=UPDATES_PER_TURN,
        seed=0,
        pad_id=EOS,
        reference_logprobs=references,
    )


def fit_once(model: LlamaForCausalLM, data: MixedDataModule, folder: str) -> None:
    """A turn of ours."""
    from synthscale.policy.config import Device
    from synthscale.session import Session
    from synthscale.training.config import TrainerConfig
    from synthscale.training.fit import fit
    from synthscale.training.module import Objective

    config = TrainerConfig(batch_size=data.batch_size, num_validations=1, device=Device.cpu)
    objective = Objective(LEARNING_RATE, UPDATES_PER_TURN, BETA, 1.0)
    fit(model, data, objective, config, lambda: 0.0, Session(), Path(folder) / "ours")


def arguments(folder: str) -> dict[str, Any]:
    """Of both of TRL's trainers."""
    return {
        "output_dir": folder,
        "max_steps": UPDATES_PER_TURN,
        "learning_rate": LEARNING_RATE,
        "weight_decay": 0.01,
        "optim": "adamw_torch_fused",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "logging_strategy": "no",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def dpo_trainer(model: LlamaForCausalLM, examples: list[EncodedExample], folder: str) -> Any:
    """TRL's, for the pairs as texts of their tokens' numbers."""
    import trl
    from datasets import Dataset  # type: ignore[import-untyped]

    rows = []
    for example in examples:
        chosen, rejected = example.sides
        num_prompt = chosen.counted.index(True)
        parts = (chosen.ids[:num_prompt], chosen.ids[num_prompt:], rejected.ids[num_prompt:])
        texts = (" ".join(map(word, ids)) for ids in parts)
        rows.append(dict(zip(("prompt", "chosen", "rejected"), texts, strict=True)))
    config = trl.DPOConfig(
        **arguments(folder),
        per_device_train_batch_size=PAIRS_PER_UPDATE,
        precompute_ref_log_probs=True,
        precompute_ref_batch_size=PAIRS_PER_UPDATE,
        beta=BETA,
        max_length=None,
    )
    dataset = spaced(Dataset.from_list(rows))
    return silent(trl.DPOTrainer(model, args=config, train_dataset=dataset, processing_class=numbers()))


def silent(trainer: Any) -> Any:
    """Without its printed lines."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def spaced(dataset: Any) -> Any:
    """A space between prompt and completion, so that their numbers stay apart."""
    return dataset.map(lambda row: {"prompt": row["prompt"] + " "})


def sft_trainer(model: LlamaForCausalLM, examples: list[EncodedExample], folder: str) -> Any:
    """TRL's with packing, for the solutions as tokens."""
    import trl
    from datasets import Dataset

    rows = []
    for (side,) in (example.sides for example in examples):
        labels = [token if counts else -100 for token, counts in zip(side.ids, side.counted, strict=True)]
        rows.append({"input_ids": side.ids, "labels": labels})
    config = trl.SFTConfig(
        **arguments(folder),
        per_device_train_batch_size=1,
        gradient_accumulation_steps=ROWS_PER_UPDATE,
        max_length=ROW_TOKENS,
        packing=True,
        packing_strategy="bfd",
    )
    dataset = Dataset.from_list(rows)
    return silent(trl.SFTTrainer(model, args=config, train_dataset=dataset, processing_class=numbers()))


def numbers() -> PreTrainedTokenizerFast:
    """A tokenizer of numbers below the vocabulary's size."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(WordLevel({word(i): i for i in range(VOCABULARY)}, unk_token=word(EOS)))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=word(EOS), eos_token=word(EOS))  # type: ignore[no-untyped-call]


def word(token: int) -> str:
    """A token as text."""
    return "<end>" if token == EOS else str(token)


def check_losses(model: LlamaForCausalLM, trainer: Any) -> None:
    """Both ways say the same of one packed row of theirs."""
    import torch

    from synthscale.training.encoding import EncodedSide
    from synthscale.training.layout import lay_out, sequence_item
    from synthscale.training.logprobs import rows_logprobs

    (row,) = rows = [trainer.train_dataset[0]]
    items, start = [], 0
    for length in row["seq_lengths"]:
        ids, labels = (row[name][start : start + length] for name in ("input_ids", "labels"))
        items.append(sequence_item(EncodedSide(ids, [label != -100 for label in labels])))
        start += length
    with torch.no_grad():
        theirs = float(trainer.compute_loss(trainer.model, trainer.data_collator(rows)))
        ours = -float(rows_logprobs(model, lay_out(items, EOS, is_packed=True)).sum())
    assert np.isclose(ours / sum(len(item.target_N) for item in items), theirs, rtol=TOLERANCE), "not the same loss"


def peer() -> str:
    """The peer with its version."""
    from importlib.metadata import version

    return f"TRL {version('trl')}"
