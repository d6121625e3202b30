"""A few steps of TRL's DPOTrainer beside ours: the same language model, pairs, optimiser and losses."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from preference_batches import ANSWERS, batch, method
from tests.models.vlm.talking import conversation

STEPS, RATE = 4, 1e-3


def theirs(language: Any, tokenizer: Any, folder: Path, **settings: Any) -> tuple[list[float], Any]:
    """Train by TRL; return the losses of the steps and the model."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    def turn(role: str, text: str) -> list[dict[str, Any]]:
        return [{"role": role, "content": [{"type": "text", "text": text}]}]

    rows = [
        {"prompt": turn("user", f"Question {place}?"), "chosen": turn("assistant", better),
         "rejected": turn("assistant", worse)}
        for place, (better, worse) in enumerate(ANSWERS)
    ]  # fmt: skip
    chosen = DPOConfig(
        output_dir=str(folder), per_device_train_batch_size=len(rows), max_steps=STEPS, learning_rate=RATE,
        lr_scheduler_type="constant", max_grad_norm=1.0, weight_decay=0.0, logging_steps=1, report_to="none",
        use_cpu=True, bf16=False, gradient_checkpointing=False, save_strategy="no", beta=0.1, disable_tqdm=True,
        max_length=None, optim="adamw_torch", **settings,
    )  # fmt: skip
    trainer = DPOTrainer(
        model=language, ref_model=copy.deepcopy(language), args=chosen, train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )  # fmt: skip
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line], trainer.model


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("algorithm", "loss_type"), [("dpo", "sigmoid"), ("ipo", "ipo")], ids=["dpo", "ipo averaged per token"]
)
def test_steps_are_those_of_trl(algorithm: str, loss_type: str, tmp_path: Path) -> None:
    options = {"beta": 0.1} | ({"lengths": "mean"} if algorithm == "ipo" else {})
    of, reader = method(algorithm, **options)
    made = [
        replace(conversation(question=f"Question {place}?", answer=better, id=str(place)), rejected=worse)
        for place, (better, worse) in enumerate(ANSWERS)
    ]
    language = copy.deepcopy(of.model.language)
    expected, trained = theirs(language, reader.tokenizer, tmp_path, loss_type=[loss_type])
    of.begin(pairs=True, adapters_alone=False)
    of.train()
    given = batch(reader, made)
    weights = list(of.model.language.parameters())
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0)
    found = []
    for _ in range(STEPS):
        loss = of.training_step(given)["loss"]
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        found.append(loss.item())
    # TRL logs losses rounded to about four digits.
    assert found == pytest.approx(expected, rel=2e-3, abs=2e-4)
    ours = of.model.language.state_dict()
    for name, weight in trained.state_dict().items():
        # Adam's first steps are of size 1e-3 whatever the gradient; packed and padded rows differ by rounding.
        torch.testing.assert_close(ours[name], weight, rtol=1e-3, atol=5e-5)
