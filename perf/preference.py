"""A step of preference tuning beside a supervised step on the same tokens: both sides of the same pairs, one batch.

All arms step by turns, so that what else the machine does falls on all. A ratio is an arm's step over the supervised
one of the same round. ``copy`` keeps the start beside the model, ``adapters off`` switches it on, ``stored`` has its
log-probabilities written down (not timed), orpo has no reference, kto one more answer to each pair.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from measure import save, spread
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.methods._preferring import PreferringConfig, PreferringMethod
from vesalius.methods.conversing import ConversationBatch
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.models.vlm.reading import ConversationReader
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.tokenizer import image_token_of, train_chat_tokenizer
from vesalius.models.vlm.view_settings import ViewSettings
from vesalius.tasks.grammar import grammar
from vesalius.training.conversing.batches import collated
from vesalius.training.conversing.parts import open_stage
from vesalius.training.conversing.settings import LoraSettings, StageSettings

PAIRS, TOKENS, ROUNDS = 8, 120, 7
MODEL = VisionLanguageConfig(
    vision="vit", vision_width=192, vision_depth=4, patch=16, language_width=384, language_depth=6, vocabulary=2000,
    context=512, connector=ConnectorConfig(kind="mlp"), views=ViewSettings(size=128, channels=1),
)  # fmt: skip
ARMS = {
    "supervised": ("dpo", "start", False),
    "dpo, copy": ("dpo", "start", False),
    "dpo, stored": ("dpo", "stored", False),
    "orpo": ("orpo", "start", False),
    "kto, copy": ("kto", "start", False),
    "supervised, adapters": ("dpo", "start", True),
    "dpo, adapters off": ("dpo", "start", True),
}
"""Algorithm, reference, and whether adapters alone learn."""


def main() -> None:
    """Time all arms by turns and write the figures."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        pairs, words = made(Path(folder))
        tokenizer = train_chat_tokenizer(words, vocabulary=MODEL.vocabulary)
        arms = {name: Arm(name, tokenizer, pairs) for name in ARMS}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(ROUNDS + 1):
        for name, arm in arms.items():
            taken = arm.step()
            if turn:
                seconds[name].append(taken)
    figures: dict[str, Any] = {"pairs": PAIRS, "tokens": arms["supervised"].tokens}
    for name, taken in seconds.items():
        plain = seconds["supervised, adapters" if ARMS[name][2] else "supervised"]
        ratios = [own / base for own, base in zip(taken, plain, strict=True)]
        figures[name] = {
            "step_seconds": spread(taken),
            "over_supervised": spread(ratios),
            "extra_weights_mib": arms[name].held_mib,
        }
    print(json.dumps(figures, indent=1))
    print(save("preference", figures))


def made(folder: Path) -> tuple[list[Conversation], list[str]]:
    """Return pairs of long answers about pictures of noise, and their texts."""
    rng = np.random.default_rng(0)
    vocabulary = [f"{one}{other}" for one in "bdfgklmnprst" for other in "aeiou"]
    found, words = [], []
    for number in range(PAIRS):
        path = folder / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (128, 128), dtype=np.uint8)).save(path)
        better, worse = (" ".join(rng.choice(vocabulary, TOKENS)) for _ in range(2))
        question = Message(role="user", parts=(Media(path=str(path)), "What is seen?"))
        turns = (question, Message(role="assistant", parts=(better,)))
        found.append(Conversation(id=str(number), messages=turns, rejected=worse))
        words += [better, worse, "What is seen?"]
    return found, words


class Arm:
    """A method with its optimiser and its batch."""

    def __init__(self, name: str, tokenizer: Any, pairs: list[Conversation]) -> None:
        algorithm, reference, adapters = ARMS[name]
        torch.manual_seed(0)
        model = VisionLanguageModel.build(MODEL, tokenizer=tokenizer, image_token=image_token_of(tokenizer))
        settings = PreferringConfig(algorithm=algorithm, reference=reference)
        self.method = PreferringMethod(settings, model)
        supervised = name.startswith("supervised")
        self.batch = batch(model.reader(tokenizer, context=MODEL.context, grammar=grammar("medrega")), pairs,
                           mismatched=settings.learns_mismatched, supervised=supervised)  # fmt: skip
        self.tokens = int((self.batch["segments"] > 0).sum())
        self.method.begin(pairs=not supervised, adapters_alone=adapters)
        if settings.stores_reference:
            self.batch["reference"] = self.method.reference_log_probs(ConversationBatch.of(self.batch))
        lora = LoraSettings(rank=16) if adapters else None
        open_stage(model, StageSettings(learns=() if adapters else ("connector", "language"), lora=lora))
        self.method.train()
        frozen = [weight for held in self.method._frozen for weight in held.parameters()]
        self.held_mib = sum(weight.nbytes for weight in frozen) / 2**20
        learning = [weight for weight in self.method.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, lr=1e-4)

    def step(self) -> float:
        """Do one step and return its seconds."""
        start = time.perf_counter()
        self.optimiser.zero_grad()
        self.method.training_step(self.batch)["loss"].backward()
        self.optimiser.step()
        return time.perf_counter() - start


def batch(
    reader: ConversationReader, pairs: list[Conversation], *, mismatched: bool, supervised: bool
) -> dict[str, Any]:
    """Return all pairs, one in a row."""
    packs = []
    for number, pair in enumerate(pairs):
        sides = [pair.side("chosen"), pair.side("rejected")]
        if mismatched:
            other = pairs[(number + 1) % len(pairs)].messages[-1]
            sides.append(replace(sides[0], messages=(*sides[0].messages[:-1], other)))
        packs.append([reader.row(side) for side in sides])
    count = 1 if supervised else len(packs[0])
    return collated(packs, padding=int(reader.tokenizer.pad_token_id), sides=count)


if __name__ == "__main__":
    main()
