"""A tiny vision-language model and pictures for tests of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.models.vlm.reading import ConversationReader
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.tokenizer import image_token_of, train_chat_tokenizer
from vesalius.models.vlm.view_settings import ViewSettings
from vesalius.tasks.grammar import grammar

WORDS = (
    "Is there an effusion on the left?",
    "Yes, a small effusion on the left side.",
    "No. The lungs are clear; the heart is of 12 cm.",
    "左侧有胸腔积液吗？",
    "هل يوجد انصباب؟",
    "क्या बाईं ओर द्रव है?",
)


def settings(**changed: object) -> VisionLanguageConfig:
    """Return settings of a model of a few thousand weights."""
    values: dict[str, object] = {
        "vision": "vit",
        "vision_width": 16,
        "vision_depth": 1,
        "vision_heads": 2,
        "patch": 8,
        "language_width": 32,
        "language_depth": 2,
        "language_heads": 2,
        "vocabulary": 400,
        "context": 256,
        "connector": ConnectorConfig(kind="mlp"),
        "views": ViewSettings(size=16, channels=1),
    }
    return VisionLanguageConfig(**{**values, **changed})  # type: ignore[arg-type]


def built(**changed: object) -> tuple[VisionLanguageModel, ConversationReader]:
    """Return a model of fixed random weights and its reader."""
    chosen = settings(**changed)
    tokenizer = train_chat_tokenizer(WORDS, vocabulary=chosen.vocabulary)
    torch.manual_seed(0)
    model = VisionLanguageModel.build(chosen, tokenizer=tokenizer, image_token=image_token_of(tokenizer)).eval()
    reader = ConversationReader(
        tokenizer,
        looker=Looker(chosen.views, places=model.places, reduction=chosen.reduction),
        count=model.count,
        context=chosen.context,
        grammar=grammar("medrega"),
    )
    return model, reader


def picture(folder: Path, name: str = "one", *, seed: int = 0, size: tuple[int, int] = (24, 20)) -> Media:
    """Write a grey picture of noise; return it as a medium."""
    values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    path = folder / f"{name}.png"
    Image.fromarray(values).save(path)
    return Media(path=str(path))


def conversation(*media: Media, question: str = WORDS[0], answer: str = WORDS[1], id: str = "c") -> Conversation:
    """Return a question about media and its answer."""
    return Conversation(
        id=id,
        messages=(
            Message(role="user", parts=(*media, question)),
            Message(role="assistant", parts=(answer,)),
        ),
    )
