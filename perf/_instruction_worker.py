"""One side of perf/instruction.py in a process of its own: steps of instruction tuning, useful tokens a second.

Both sides train the same tiny LLaVA (the same folder of random weights) on the same conversations.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch


def trl(folder: Path, *, steps: int, warm: int, rows: int) -> dict[str, float]:
    """TRL's SFTTrainer: a padded batch of so many conversations, as it trains models that see."""
    from datasets import Dataset, Image
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from trl import SFTConfig, SFTTrainer

    given = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    table = Dataset.from_list(
        [
            {
                "images": [one["image"]],
                "prompt": [{"role": "user", "content": one["question"]}],
                "completion": [{"role": "assistant", "content": one["answer"]}],
            }
            for one in given
        ]
    ).cast_column("images", [Image()])
    clock = Clock(warm)

    class Timed(SFTTrainer):  # type: ignore[misc]
        def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            clock.begin()
            loss = super().training_step(model, inputs, *args, **kwargs)
            mask = inputs["attention_mask"]
            clock.end(int(mask.sum()), mask.numel())
            return loss

    settings = SFTConfig(
        output_dir=str(folder / "trl"), per_device_train_batch_size=rows, max_steps=steps + warm, max_length=None,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, use_cpu=True, bf16=False,
        learning_rate=1e-4, seed=0, remove_unused_columns=False, gradient_checkpointing=False,
    )  # fmt: skip
    model = AutoModelForImageTextToText.from_pretrained(folder / "model")
    trainer = Timed(
        model=model,
        args=settings,
        train_dataset=table,
        processing_class=AutoProcessor.from_pretrained(folder / "model"),
    )
    trainer.train()
    return clock.figures()


def ours(folder: Path, *, steps: int, warm: int, rows: int) -> dict[str, float]:
    """Packed rows through the recipe's own parts: reading, packing, the step of the method and the optimiser."""
    from vesalius.training.conversing import assembly
    from vesalius.training.conversing.parts import open_stage
    from vesalius.training.conversing.trainer import ConversationTrainer
    from vesalius.training.recipe import ConversationRecipe, parse_recipe

    sources = {"rows": {"path": str(folder / "ours.jsonl")}}
    values: dict[str, Any] = {
        "method": {"name": "gmai_vl"},
        "model": {"base": f"hf:{folder / 'model'}"},
        "data": {"sources": sources, "validation": None, "length": 1024},
        "stages": {"all": {"learns": ["vision", "connector", "language"]}},
        "optimisation": {
            "batch": rows, "steps": steps + warm, "lr": 1e-4, "precision": "fp32", "workers": 0, "weight_decay": 0.0,
        },
        "run": {"report_to": []},
    }  # fmt: skip
    recipe = parse_recipe(values, name="instruction")
    assert isinstance(recipe, ConversationRecipe)
    clock = Clock(warm)
    out = folder / "ours"
    out.mkdir(exist_ok=True)
    words, method, train, _ = assembly.assemble(recipe, out)
    alone = recipe.of_stage("all")
    parts = assembly.stage_parts(alone, tokenizer=words, method=method, train=train, validation=None)
    open_stage(method.model, next(iter(alone.stages.values())))

    class Timed(ConversationTrainer):
        def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            clock.begin()
            loss = super().training_step(model, inputs, *args, **kwargs)
            clock.end(int((inputs["segments"] > 0).sum()), inputs["segments"].numel())
            return loss

    Timed(parts, out, precision="fp32").train()
    return clock.figures()


class Clock:
    """Useful and all tokens of the steps after the first, and the time from step to step, making batches included."""

    def __init__(self, warm: int):
        self.warm, self.steps = warm, 0
        self.useful = self.all = 0
        self.start = self.last = 0.0

    def begin(self) -> None:
        """Note where the counted steps begin: at the end of the last step that warms up."""
        if self.steps == self.warm:
            self.start = self.last or time.perf_counter()

    def end(self, useful: int, every: int) -> None:
        """Count a step."""
        self.steps += 1
        self.last = time.perf_counter()
        if self.steps > self.warm:
            self.useful, self.all = self.useful + useful, self.all + every

    def figures(self) -> dict[str, float]:
        """Return tokens a second and the share of places that hold a token."""
        seconds = self.last - self.start
        return {
            "useful_tokens_per_second": self.useful / seconds,
            "useful_share": self.useful / self.all,
            "seconds": seconds,
        }


if __name__ == "__main__":
    side, where, steps, warm, rows = sys.argv[1:6]
    torch.manual_seed(0)
    work = {"trl": trl, "ours": ours}[side]
    print(json.dumps(work(Path(where), steps=int(steps), warm=int(warm), rows=int(rows))))
