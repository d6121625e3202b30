"""Conversations read by the processor of a model of transformers: its template, its image tokens, its tensors.

Slices of a volume and frames of a clip are shown as pictures in their order, as predictors show them. What a picture
takes of the text is asked of the processor once for each size of pictures, so that lengths are known without pixels.

Legend: H rows, W columns.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.data.conversations.objects import media_size
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media
from vesalius.errors import ConfigError, DataError
from vesalius.models.media import shown
from vesalius.models.vlm.reading import ConversationReader
from vesalius.models.vlm.views import Layout
from vesalius.tasks.grammar import Grammar, Plane

__all__ = ["PictureLooker", "WholeReader"]

_OF_TEXT = (
    "input_ids",
    "attention_mask",
    "token_type_ids",
    "mm_token_type_ids",
    "labels",
    "text_replacement_offsets",
)

_REMEMBERED = 1 << 17
"""Layouts that are kept."""

_PREFIX_TEMPLATE = (
    "{%- for message in messages -%}{%- if message.role == 'assistant' -%}"
    "{%- for part in message.content -%}{{ part.text }}{%- endfor -%}{{ eos_token }}"
    "{%- else -%}{%- if not loop.first -%}{{ raise_exception('it takes one question') }}{%- endif -%}"
    "{%- for part in message.content if part.type == 'image' -%}<image>{%- endfor -%}{{ bos_token }}"
    "{%- for part in message.content if part.type == 'text' -%}{{ part.text }}{%- endfor -%}{{ '\n' }}"
    "{%- endif -%}{%- endfor -%}"
)
"""What PaliGemma's processor makes of a prompt, which has no template of its own: pictures, start, words, line."""

_TEMPLATES = {"PaliGemmaProcessor": _PREFIX_TEMPLATE}


class PictureLooker:
    """Shows media as pictures to a processor."""

    def __init__(self, processor: Any, *, planes: int) -> None:
        """Take the processor, and how many slices or frames of a medium are shown."""
        self.processor, self.planes = processor, planes
        self._layouts: OrderedDict[Media, Layout] = OrderedDict()
        self._texts: dict[tuple[int, ...], str] = {}

    def to_dict(self) -> dict[str, Any]:
        """Return how pictures are prepared as plain values for JSON."""
        return {"image": self.processor.image_processor.to_dict(), "planes": self.planes}

    def layout(self, media: Media) -> Layout:
        """Return how many pictures a medium is and of what size, from memory where it was seen before.

        Raises:
            DataError: it cannot be read.
        """
        if media in self._layouts:
            self._layouts.move_to_end(media)
            return self._layouts[media]
        if media.kind == "image" and not media.edits and media.frame is None:
            width, height = media_size(media.path)
            return self._remember(media, Layout(kind="image", views=1, size=(round(height), round(width))))
        self._pictures(media)
        return self._layouts[media]

    def views(self, media: Media) -> dict[str, NDArray[Any]]:
        """Return what the processor makes of a medium, by the names of the model's arguments.

        Raises:
            DataError: it cannot be read, or is of another size than its file says.
        """
        known = self.layout(media)
        pictures = self._pictures(media)
        found = self._layouts[media]
        if (found.views, found.size) != (known.views, known.size):
            raise DataError(
                f"{media.kind} of {known.views} × {known.size} by its header is {found.views} × {found.size}"
            )
        return self._processed([Image.fromarray(picture) for picture in pictures])[0]

    def plane(self, media: Media) -> Plane:
        """Return width and height of a medium; boxes are shares of it."""
        return Plane(media_size(media.path))

    def text(self, layout: Layout) -> str:
        """Return what stands in a prompt for one picture of a medium."""
        if layout.size not in self._texts:
            blank = Image.new("RGB", (layout.size[1], layout.size[0]))
            self._texts[layout.size] = self._processed([blank])[1][0]
        return self._texts[layout.size]

    def _pictures(self, media: Media) -> list[NDArray[np.uint8]]:
        pictures = shown(media, planes=self.planes)
        self._remember(media, Layout(kind=media.kind, views=len(pictures), size=pictures[0].shape[:2]))
        return pictures

    def _processed(self, pictures: Sequence[Any]) -> tuple[dict[str, NDArray[Any]], list[str]]:
        """Return tensors, and what replaces the mark of each picture."""
        mark = self.processor.image_token
        made = self.processor(
            text=[mark * len(pictures)], images=list(pictures), return_text_replacement_offsets=True
        )
        texts = [found["replacement"] for found in made["text_replacement_offsets"][0]]
        arrays = {name: np.asarray(value) for name, value in made.items() if name not in _OF_TEXT}
        return arrays, texts

    def _remember(self, media: Media, layout: Layout) -> Layout:
        self._layouts[media] = layout
        if len(self._layouts) > _REMEMBERED:
            self._layouts.popitem(last=False)
        return layout


class WholeReader(ConversationReader):
    """Reads conversations with the template and the tokens of a model of transformers."""

    looker: PictureLooker  # type: ignore[assignment]

    def __init__(
        self, processor: Any, *, looker: PictureLooker, context: int, grammar: Grammar, ends: Sequence[int]
    ) -> None:
        """Hold what reading needs.

        Args:
            processor: of the model, with its tokenizer.
            looker: shows media.
            context: most tokens of a conversation.
            grammar: how boxes, points and regions are written.
            ends: numbers of the tokens that end an answer, beside the tokenizer's own.

        Raises:
            ConfigError: it has no chat template.
        """
        tokenizer = processor.tokenizer
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        super().__init__(tokenizer, looker=looker, count=self._count_of, context=context, grammar=grammar)  # type: ignore[arg-type]
        self.processor = processor
        self._special = tuple(dict.fromkeys((*self._special, processor.image_token)))
        self._ends |= set(ends)
        self._template = _TEMPLATES.get(type(processor).__name__, "")
        if not (processor.chat_template or tokenizer.chat_template or self._template):
            raise ConfigError(
                f"model.base: {type(processor).__name__} has no chat template; put chat_template.jinja beside it"
            )

    def _rendered(self, conversation: Conversation, turns: int, *, waiting: bool) -> str:
        """Return the first turns in the model's template, the tokens of all pictures in their places."""
        from jinja2 import TemplateError

        texts: list[str] = []
        messages = []
        for message in conversation.messages[:turns]:
            content: list[dict[str, str]] = []
            for part in message.parts:
                if isinstance(part, str):
                    content.append({"type": "text", "text": self._plain(part)})
                    continue
                (layout,) = self._layouts([part], conversation.id)
                content += [{"type": "image"}] * layout.views
                texts += [self.looker.text(layout)] * layout.views
            messages.append({"role": message.role, "content": content})
        own = {"chat_template": self._template} if self._template else {}
        renders = self.processor if self.processor.chat_template else self.tokenizer
        try:
            text = renders.apply_chat_template(messages, tokenize=False, add_generation_prompt=waiting, **own)
        except TemplateError as error:
            raise DataError(
                f"conversation {conversation.id!r}: the model's chat template refuses it: {error}"
            ) from None
        return self._filled(str(text), texts, conversation.id)

    def _filled(self, text: str, texts: Sequence[str], id: str) -> str:
        pieces = text.split(self.processor.image_token)
        if len(pieces) - 1 != len(texts):
            raise DataError(
                f"conversation {id!r}: the chat template shows {len(pieces) - 1} of {len(texts)} pictures"
            )
        return "".join(piece for pair in zip(pieces, [*texts, ""], strict=True) for piece in pair)

    def _repeats(self, ids: list[int], layouts: tuple[Layout, ...]) -> NDArray[np.int64]:
        """Once each: the text holds every token of a picture."""
        del layouts
        return np.ones(len(ids), dtype=np.int64)

    def _count_of(self, layout: Layout) -> int:
        return layout.views * len(self._ids(self.looker.text(layout), first=False))
