"""Our own vision-language models: they answer requests as models of transformers do, and see media in their own way.

Volumes and clips are shown as the model learnt them, in views of their own and not as a few pictures. A medium is
encoded alone and once: further questions about it, and further turns of a conversation, go on from what was read.
Letters: B requests, L tokens, T tokens of a medium, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vesalius.data.messages import Media, media_of
from vesalius.errors import DataError
from vesalius.inference.generate import GeneratingPredictor
from vesalius.inference.prefixes import Prefixes
from vesalius.inference.prompting import Prompt
from vesalius.inference.remembered import RememberedMedia
from vesalius.inference.requests import Decoding, Request

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from vesalius.inference.answers import Answers
    from vesalius.inference.reading import Begun, Read, Reader
    from vesalius.training.conversing.saving import LoadedConverser

__all__ = ["ConversingPredictor"]

_REMEMBERED_BYTES = 2**28
"""Of keys and values of prompts, and as much of tokens of media: 256 MiB each."""


@dataclass(frozen=True)
class _Prompt(Prompt):
    """A request in tokens."""

    read: Read

    @property
    def size(self) -> int:
        """Tokens, those of media included."""
        return len(self.read.input_ids)

    @property
    def together(self) -> Hashable:
        """The media that are shown."""
        return self.read.together


class ConversingPredictor(GeneratingPredictor):
    """A trained vision-language model of ours with its reader.

    Written by a loop of our own where the language model keeps keys and values of all tokens, else, and where beams
    are compared, by transformers. Answers that share a pass are rounded otherwise than alone, by about 1e-6 of a
    logit; the first of words that are tied is chosen.
    """

    draws_together = True

    def __init__(self, loaded: LoadedConverser, *, device: str = "auto", remembers: bool = True) -> None:
        """Hold the model; its method's capabilities are what it can do.

        Args:
            loaded: model, tokenizer and reader.
            device: "cpu", "cuda" or "auto".
            remembers: whether media and beginnings of prompts are kept; else every request is read from its start.
        """
        folder = loaded.folder
        name = folder.resolve().parent.name if folder.name in ("best", "last") else folder.name
        super().__init__(loaded.method.model.float(), loaded.tokenizer, name=name, device=device)
        self.reader = loaded.reader
        self.method = loaded.method.to(self.device).eval()
        self.info = dict(loaded.info)
        self.capabilities = frozenset(loaded.method.capabilities)
        self._bytes = _REMEMBERED_BYTES if remembers else 0
        self._media = RememberedMedia(self._tokens, most_bytes=self._bytes)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says of the model: its weights, how it sees, what it has seen."""
        facts = dict(super().identity)
        facts["kind"] = "vesalius"
        facts["preprocessing"] = self.reader.looker.to_dict()
        return {**facts, "method": self.info.get("method"), "trained_on": self.info.get("trained_on")}

    def prompt(self, request: Request) -> Prompt:
        """Read a request in the model's own template, its media as tokens."""
        from vesalius.inference.reading import Read

        row = self.reader.prompt(request.messages, id=request.id, look=False)
        shown = [self._media.show(media) for media in media_of(request.messages)]
        signature = row.input_ids.copy()
        numbers = [np.arange(len(one.tokens)) + (one.number >> 20 << 20) for one in shown]
        if shown:
            signature[row.input_ids == self.module.image_token] = -1 - np.concatenate(numbers)
        media = tuple(one.tokens for one in shown)
        together = tuple(one.number for one in shown)
        return _Prompt(request, "", (), Read(row.input_ids, signature, media, together))

    def inputs(self, prompts: Sequence[Prompt]) -> dict[str, Any]:
        """Tokens and mask (B, L), padded at the left, and the tokens of all media in their order."""
        import torch

        read = [prompt.read for prompt in prompts if isinstance(prompt, _Prompt)]
        longest = max(len(one.input_ids) for one in read)
        input_ids = torch.full((len(read), longest), int(self.tokenizer.pad_token_id))
        mask = torch.zeros(len(read), longest, dtype=torch.long)
        for place, one in enumerate(read):
            input_ids[place, longest - len(one.input_ids) :] = torch.from_numpy(one.input_ids)
            mask[place, longest - len(one.input_ids) :] = 1
        return {
            "input_ids": input_ids.to(self.device),
            "attention_mask": mask.to(self.device),
            "media": [tokens for one in read for tokens in one.media],
        }

    def room(self, count: int) -> int:
        """Return how many tokens fit behind so many."""
        return self.reader.context - count

    def run(self, prompts: Sequence[Prompt], inputs: Mapping[str, Any], answers: Answers) -> None:
        """Write answers to their ends."""
        if self._reader is None:
            super().run(prompts, inputs, answers)
            return
        for _ in self.steps(prompts, inputs, answers):
            pass

    def steps(self, prompts: Sequence[Prompt], inputs: Mapping[str, Any], answers: Answers) -> Iterator[None]:
        """Write answers, and pause after every token; closing the iterator ends them."""
        if self._reader is None:
            yield from super().steps(prompts, inputs, answers)
            return
        import torch

        read = [prompt.read for prompt in prompts if isinstance(prompt, _Prompt)]
        decoding = prompts[0].request.decoding
        chance = [torch.Generator().manual_seed(decoding.seed) for _ in read]
        with torch.inference_mode():
            begun = self._reader.begin(read)
        try:
            yield from self._stepped(begun, answers, decoding, chance, most=self._most(inputs, decoding))
        finally:
            if len(read) == 1:
                with torch.inference_mode():
                    self._reader.keep(read[0], begun, answers.tokens[0])

    def _stepped(
        self, begun: Begun, answers: Answers, decoding: Decoding, chance: Sequence[Generator], *, most: int
    ) -> Iterator[None]:
        """Write token by token; once half of the answers are done, the others go on without them."""
        import torch

        assert self._reader is not None
        rows = list(range(len(chance)))
        for step in range(most):
            with torch.inference_mode():
                allowed = answers.allow(rows, begun.logits)
                tokens = _chosen(allowed, decoding, [chance[row] for row in rows])
                answers.take(rows, tokens)
            yield
            going = answers.open
            if not going or step + 1 == most:
                return
            with torch.inference_mode():
                if 2 * len(going) <= len(rows):
                    kept = [rows.index(row) for row in going]
                    begun.keep(kept)
                    rows, tokens = going, tokens[kept]
                self._reader.go_on(begun, tokens)

    @cached_property
    def _reader(self) -> Reader | None:
        """Return what reads prompts; None where the language model keeps another state than keys and values."""
        from vesalius.inference.reading import Reader, can_go_on

        def embed(ids: Tensor, media: Sequence[Tensor]) -> Tensor:
            embedded: Tensor = self.module.embed(ids, (), (), media=media)
            return embedded

        return Reader(self.language, embed, Prefixes(self._bytes)) if can_go_on(self.language) else None

    @property
    def language(self) -> Any:
        """The part of the model that gives words."""
        return self.module.language

    def _tokens(self, media: Media) -> Tensor:
        """Read and encode one medium, (T, D)."""
        import torch

        views = torch.from_numpy(self.reader.looker.views(media)).to(self.device)
        try:
            with torch.inference_mode():
                tokens: Tensor = self.module.media_tokens([views], [self.reader.looker.layout(media)])[0]
        except RuntimeError as error:
            kind = "out of memory" if isinstance(error, torch.OutOfMemoryError) else type(error).__name__
            raise DataError(f"{media.kind} of {len(views)} views cannot be encoded: {kind}") from None
        return tokens


def _chosen(logits: Tensor, decoding: Decoding, chance: Sequence[Generator]) -> Tensor:
    """Return the next token of every row, (B,): the likeliest, or one drawn among the likeliest `top_p`.

    Args:
        logits: of the next token, (B, V).
        decoding: of all rows.
        chance: of each row, so that no answer depends on its neighbours.
    """
    import torch

    if decoding.deterministic:
        return logits.argmax(dim=-1)
    shares, order = torch.softmax(logits.float().cpu() / decoding.temperature, dim=-1).sort(
        dim=-1, descending=True, stable=True
    )
    shares[shares.cumsum(dim=-1) - shares >= decoding.top_p] = 0.0
    drawn = [torch.multinomial(row, 1, generator=one) for row, one in zip(shares, chance, strict=True)]
    return order.gather(1, torch.stack(drawn))[:, 0].to(logits.device)
