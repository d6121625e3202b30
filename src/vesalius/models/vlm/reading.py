"""From a conversation to the numbers that a vision-language model reads: tokens, labels on the answers, views.

A prompt is tokenised by itself and the answer behind it, as they are when the model answers. Media take as many image
tokens as the connector makes of them, never fewer: what does not fit the context is refused with its numbers.

Legend: L tokens, V views of a medium, C channels, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.tokenizer import CHAT_TEMPLATE, IMAGE_TOKEN, image_token_of
from vesalius.models.vlm.views import Layout
from vesalius.tasks.grammar import Grammar, write

__all__ = ["ConversationReader", "Row", "Words"]

IGNORED = -100
"""Label of a token that is not learnt."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """A conversation as a model reads it."""

    id: str
    input_ids: NDArray[np.int64]
    """(L,)."""
    labels: NDArray[np.int64]
    """The same where an answer stands, else -100, (L,)."""
    views: tuple[Any, ...]
    """Of each medium, (V, C, H, W), normalised; or arrays by name, as a base's processor makes them."""
    layouts: tuple[Layout, ...]
    weight: float = 1.0
    reference: float | None = None
    """Log-probability of its answers by a reference model, where that was written down; NaN where it should have."""

    @property
    def learnt(self) -> int:
        """Tokens of answers."""
        return int((self.labels != IGNORED).sum())


class Words(NamedTuple):
    """A conversation whose words are read, and whose pixels are not yet."""

    id: str
    input_ids: NDArray[np.int64]
    """(L,)."""
    labels: NDArray[np.int64]
    """The same where an answer stands, else -100, (L,)."""
    media: tuple[Media, ...]
    layouts: tuple[Layout, ...]
    weight: float


class _Piece(NamedTuple):
    """A stretch of a conversation that is tokenised by itself."""

    text: str
    learnt: bool


class ConversationReader:
    """Reads conversations for one model."""

    def __init__(
        self,
        tokenizer: Any,
        *,
        looker: Looker,
        count: Callable[[Layout], int],
        context: int,
        grammar: Grammar,
    ) -> None:
        """Hold what reading needs.

        Args:
            tokenizer: with a chat template and the image token.
            looker: turns media into views.
            count: tokens of a medium, of the model's connector.
            context: most tokens of a conversation.
            grammar: how boxes, points and regions are written.
        """
        self.tokenizer = tokenizer
        self.looker = looker
        self.context = context
        self.grammar = grammar
        self._count = count
        self._ends = {int(tokenizer.eos_token_id)}
        """Numbers of the tokens that end an answer."""
        self._special = tuple(one for one in tokenizer.all_special_tokens if one and one not in grammar.marks)
        """Marks that words cannot set: those of the grammar can, for a box forges neither a turn nor a picture."""

    def row(self, conversation: Conversation) -> Row:
        """Read a conversation to train on, words and pixels; see `words` and `seen`."""
        return self.seen(self.words(conversation))

    def words(self, conversation: Conversation) -> Words:
        """Read the words of a conversation to train on; no pixels where the layouts of its media are known.

        Raises:
            DataError: a medium cannot be read, the context is exceeded, or nothing in it is an answer.
        """
        layouts = self._layouts(conversation.media, conversation.id)
        input_ids, labels = self._tokens(self.written(conversation), layouts)
        if not bool((labels != IGNORED).any()):
            raise DataError(f"conversation {conversation.id!r} has no answer to learn: its last turn is of the user")
        return Words(conversation.id, input_ids, labels, conversation.media, layouts, conversation.weight)

    def seen(self, words: Words) -> Row:
        """Read the pixels that stand among words.

        Raises:
            DataError: a medium cannot be read.
        """
        return Row(
            id=words.id,
            input_ids=words.input_ids,
            labels=words.labels,
            views=self._views(words.media, words.id),
            layouts=words.layouts,
            weight=words.weight,
        )

    def written(self, conversation: Conversation) -> Conversation:
        """Return a conversation whose boxes, points and regions are written out as the model writes them."""
        if not conversation.objects:
            return conversation
        return write(conversation, self.grammar, [self.looker.plane(media) for media in conversation.media])

    def prompt(self, messages: Sequence[Message], *, id: str, look: bool = True) -> Row:
        """Read messages that wait for an answer; labels are all -100.

        Args:
            messages: the last one is not of the assistant.
            id: for messages of errors.
            look: whether the media are cut into views; else the row has none, for who has their tokens.
        """
        conversation = Conversation(id=id, messages=tuple(messages))
        layouts = self._layouts(conversation.media, id)
        text = self._rendered(conversation, len(messages), waiting=True)
        ids = self._expanded(self._ids(text, first=True), layouts)
        self._require_room(len(ids), layouts, id)
        return Row(
            id=id,
            input_ids=ids,
            labels=np.full(len(ids), IGNORED),
            views=self._views(conversation.media, id) if look else (),
            layouts=layouts,
        )

    def _tokens(
        self, conversation: Conversation, layouts: tuple[Layout, ...]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Tokens with image tokens expanded, and labels."""
        ids: list[int] = []
        learnt: list[bool] = []
        for number, piece in enumerate(self._pieces(conversation)):
            own = self._ids(piece.text, first=number == 0)
            ids += own
            learnt += self._until_end(own) if piece.learnt else [False] * len(own)
        counts = self._repeats(ids, layouts)
        input_ids = np.repeat(np.asarray(ids, dtype=np.int64), counts)
        labels = np.where(np.repeat(learnt, counts), input_ids, IGNORED)
        self._require_room(len(input_ids), layouts, conversation.id)
        return input_ids, labels

    def _pieces(self, conversation: Conversation) -> list[_Piece]:
        """Cut a conversation where answers begin and end."""
        pieces: list[_Piece] = []
        done = ""
        for place, message in enumerate(conversation.messages):
            if message.role != "assistant":
                continue
            prompt = self._rendered(conversation, place, waiting=True)
            whole = self._rendered(conversation, place + 1, waiting=False)
            if not prompt.startswith(done):
                # The template rewrites earlier turns once a later one is there: they are read, not learnt.
                pieces, done = [], ""
            pieces.append(_Piece(prompt[len(done) :], False))
            if whole.startswith(prompt):
                pieces.append(_Piece(self._closed(whole[len(prompt) :]), True))
                done = whole
            else:
                answer = self._plain(message.text) + self.tokenizer.eos_token
                pieces.append(_Piece(answer, True))
                done = prompt + answer
        return pieces

    def _rendered(self, conversation: Conversation, turns: int, *, waiting: bool) -> str:
        """Return the first turns in the model's chat template, an image token for each medium."""
        from jinja2 import TemplateError

        messages: list[dict[str, Any]] = [
            {
                "role": message.role,
                "content": [
                    {"type": "text", "text": self._plain(part)} if isinstance(part, str) else {"type": "image"}
                    for part in message.parts
                ],
            }
            for message in conversation.messages[:turns]
        ]
        if self.tokenizer.chat_template != CHAT_TEMPLATE:
            messages = [{**one, "content": _joined(one["content"])} for one in messages]
        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=waiting))
        except TemplateError as error:
            raise DataError(
                f"conversation {conversation.id!r}: the model's chat template refuses it: {error}"
            ) from None

    def _plain(self, text: str) -> str:
        """Return words in which nothing looks like a mark of the tokenizer: such marks are broken up."""
        for special in self._special:
            if special in text:
                text = text.replace(special, f"{special[0]} {special[1:]}")
        return text

    def _ids(self, text: str, *, first: bool) -> list[int]:
        begun = bool(self.tokenizer.bos_token) and text.startswith(self.tokenizer.bos_token)
        ids: list[int] = self.tokenizer(text, add_special_tokens=first and not begun)["input_ids"]
        if first and ids and ids[-1] == self.tokenizer.eos_token_id and not text.endswith(self.tokenizer.eos_token):
            ids = ids[:-1]
        return ids

    def _closed(self, answer: str) -> str:
        """Return an answer with an end: a template that writes none would teach never to stop."""
        if any(end in answer for end in self.tokenizer.convert_ids_to_tokens(sorted(self._ends))):
            return answer
        return answer.rstrip() + str(self.tokenizer.eos_token)

    def _until_end(self, ids: Sequence[int]) -> list[bool]:
        """Learn up to the token that ends an answer, and not what a template writes behind it."""
        last = next((place for place, token in enumerate(ids) if token in self._ends), len(ids) - 1)
        return [place <= last for place in range(len(ids))]

    def _expanded(self, ids: list[int], layouts: tuple[Layout, ...]) -> NDArray[np.int64]:
        return np.repeat(np.asarray(ids, dtype=np.int64), self._repeats(ids, layouts))

    def _repeats(self, ids: list[int], layouts: tuple[Layout, ...]) -> NDArray[np.int64]:
        """How often each token stands: image tokens as often as their medium has tokens."""
        found = np.asarray(ids) == image_token_of(self.tokenizer)
        if int(found.sum()) != len(layouts):
            raise DataError(
                f"the chat template shows {int(found.sum())} of {len(layouts)} media: it drops or repeats some"
            )
        repeats = np.ones(len(ids), dtype=np.int64)
        repeats[found] = [self._count(layout) for layout in layouts]
        return repeats

    def _require_room(self, length: int, layouts: tuple[Layout, ...], id: str) -> None:
        if length > self.context:
            shown = sum(self._count(layout) for layout in layouts)
            raise DataError(
                f"conversation {id!r} takes {length} tokens, {shown} of them for {len(layouts)} media, and the "
                f"context holds {self.context}; nothing is cut: raise model.context, or show fewer or smaller media"
            )

    def _layouts(self, media: Sequence[Media], id: str) -> tuple[Layout, ...]:
        try:
            return tuple(self.looker.layout(one) for one in media)
        except DataError as error:
            raise DataError(f"conversation {id!r}: {error}") from None

    def _views(self, media: Sequence[Media], id: str) -> tuple[Any, ...]:
        try:
            return tuple(self.looker.views(one) for one in media)
        except DataError as error:
            raise DataError(f"conversation {id!r}: {error}") from None


def _joined(content: list[dict[str, str]]) -> str:
    """Return parts as one text, for templates that take words alone."""
    return "".join(IMAGE_TOKEN if part["type"] == "image" else part["text"] for part in content)
