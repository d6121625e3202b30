"""Answers of one vision-language model: ours beside `generate` of transformers, and what is kept between questions.

Both sides have the same weights, tokenizer, pictures and questions, and count from the files to the texts. The peer
reads a batch, encodes it and calls `generate` of transformers with its cache of keys and values; ours is the
predictor that users open, once with everything kept forgotten before each round and once with it. Weights are random,
so no answer ends before its last token. Rounds of all sides alternate.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from measure import save, spread
from vesalius.data.messages import Media, Message
from vesalius.inference.conversing import ConversingPredictor
from vesalius.inference.requests import Decoding, Request
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.models.vlm.reading import ConversationReader
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.tokenizer import image_token_of, train_chat_tokenizer
from vesalius.models.vlm.view_settings import ViewSettings
from vesalius.tasks.grammar import grammar

BATCH, TOKENS, ROUNDS = 8, 64, 7
QUESTIONS = (
    "Is there a pleural effusion on the left?", "Is the heart enlarged?", "What is seen in the right lung?",
    "Where does the tube end?", "Is there a pneumothorax?", "Name the device.", "How many nodules are there?",
    "Write the report.",
)  # fmt: skip


def built() -> tuple[VisionLanguageModel, ConversationReader]:
    """Return a model of a few million random weights: a ViT of 256 patches, an MLP, a Llama of six layers."""
    settings = VisionLanguageConfig(
        vision_width=192, vision_depth=6, patch=14, language_width=256, language_depth=6, context=2048,
        views=ViewSettings(size=224, channels=1),
    )  # fmt: skip
    tokenizer = train_chat_tokenizer(QUESTIONS * 4, vocabulary=4000)
    torch.manual_seed(0)
    model = VisionLanguageModel.build(settings, tokenizer=tokenizer, image_token=image_token_of(tokenizer)).eval()
    looker = Looker(settings.views, places=model.places)
    reader = ConversationReader(
        tokenizer, looker=looker, count=model.count, context=settings.context, grammar=grammar("medrega")
    )
    return model, reader


def predictor(model: VisionLanguageModel, reader: ConversationReader, *, remembers: bool) -> ConversingPredictor:
    """Open the model as users do."""
    method: Any = SimpleNamespace(model=model, capabilities={"generate"})
    method.to = method.eval = lambda *_: method
    loaded: Any = SimpleNamespace(
        folder=Path("random"), method=method, tokenizer=reader.tokenizer, reader=reader, info={}
    )
    opened = ConversingPredictor(loaded, device="cpu", remembers=remembers)
    opened.module.generation_config.eos_token_id = None
    return opened


def requests(folder: Path, *, pictures: int) -> list[Request]:
    """Eight questions about one picture or eight."""
    found = []
    for place, question in enumerate(QUESTIONS):
        path = folder / f"{place % pictures}.png"
        if not path.exists():
            noise = np.random.default_rng(place).integers(0, 256, (512, 512), dtype=np.uint8)
            Image.fromarray(noise).save(path)
        message = Message(role="user", parts=(Media(path=str(path)), question))
        found.append(Request(id=str(place), messages=(message,), decoding=Decoding(max_tokens=TOKENS)))
    return found


def by_transformers(model: VisionLanguageModel, reader: ConversationReader, asked: list[Request]) -> list[str]:
    """Answer as one would with transformers alone: read, pad at the left, generate, decode."""
    rows = [reader.prompt(one.messages, id=one.id) for one in asked]
    longest = max(len(row.input_ids) for row in rows)
    ids = torch.full((len(rows), longest), int(reader.tokenizer.pad_token_id))
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, longest - len(row.input_ids) :] = torch.from_numpy(row.input_ids)
        mask[place, longest - len(row.input_ids) :] = 1
    with torch.inference_mode():
        out = model.generate(
            ids, mask, [torch.from_numpy(view) for row in rows for view in row.views],
            [layout for row in rows for layout in row.layouts], max_new_tokens=TOKENS, do_sample=False,
        )  # fmt: skip
    return list(reader.tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True))


def by_ours(model: ConversingPredictor, asked: list[Request]) -> list[str]:
    """Answer by the predictor, in the order of the questions."""
    texts = {reply.id: reply.text for reply in model.generate(asked)}
    return [texts[one.id] for one in asked]


def main() -> None:
    """Measure and write the figures."""
    model, reader = built()
    plain, keeping = (predictor(model, reader, remembers=remembers) for remembers in (False, True))
    figures: dict[str, Any] = {"batch": BATCH, "tokens_of_an_answer": TOKENS, "rounds": ROUNDS}
    with tempfile.TemporaryDirectory() as folder:
        for pictures in (BATCH, 1):
            place = Path(folder) / str(pictures)
            place.mkdir()
            asked = requests(place, pictures=pictures)
            sides: dict[str, Callable[[], list[str]]] = {
                "transformers": lambda asked=asked: by_transformers(model, reader, asked),
                "ours": lambda asked=asked: by_ours(plain, asked),
                "ours, nothing known before": lambda asked=asked: by_ours(
                    predictor(model, reader, remembers=True), asked
                ),
                "ours, asked before": lambda asked=asked: by_ours(keeping, asked),
                "ours, one by one, asked before": lambda asked=asked: [by_ours(keeping, [one])[0] for one in asked],
                "ours, one by one": lambda asked=asked: [by_ours(plain, [one])[0] for one in asked],
            }
            short = [replace(one, decoding=Decoding(max_tokens=1)) for one in asked]
            sides["first token, nothing kept"] = lambda short=short: by_ours(plain, short)
            sides["first token, asked before"] = lambda short=short: by_ours(keeping, short)
            figures[f"{pictures} pictures"] = timed(sides)
    print(save("generate", figures))


def timed(sides: dict[str, Callable[[], list[str]]]) -> dict[str, Any]:
    """Seconds of each side, rounds alternating, and how many of its answers are those of transformers."""
    expected = sides["transformers"]()
    answers = {name: ask() for name, ask in sides.items()}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        for name in list(sides) if number % 2 == 0 else list(sides)[::-1]:
            start = time.perf_counter()
            sides[name]()
            seconds[name].append(time.perf_counter() - start)
    found: dict[str, Any] = {name: {"seconds": spread(one)} for name, one in seconds.items()}
    for name, one in found.items():
        if not name.startswith("first"):
            one["answers_equal"] = sum(a == b for a, b in zip(answers[name], expected, strict=True))
            one["times_transformers"] = found["transformers"]["seconds"]["median"] / found[name]["seconds"]["median"]
    return found


if __name__ == "__main__":
    main()
