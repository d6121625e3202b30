"""Models of transformers that write: vision-language models and language models, by local folder or hub id.

Frames of a clip and slices of a volume are shown as pictures in their order, windowed as a viewer would; no part of
a question is ever cut off. Greedy answers are those of the weights alone: penalties and chances that a checkpoint
brings along are left out.
Letters: B requests, L tokens, V vocabulary.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vesalius.data.messages import Media
from vesalius.errors import DataError
from vesalius.inference.dual import pick_device, weights_sha256
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.models.media import shown

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["GeneratingPredictor", "Prompt"]

_WINDOWS = 4
"""Batches that are looked at together, to put requests of like length side by side."""


@dataclass(frozen=True)
class Prompt:
    """A request as the model reads it."""

    request: Request
    text: str
    pictures: tuple[Any, ...]
    """PIL images."""

    @property
    def size(self) -> int:
        """Length by which requests are put side by side."""
        return len(self.text)

    @property
    def group(self) -> tuple[int, Decoding, bool]:
        """What requests of one batch share: how many pictures, how they are decoded, whether choices are weighed."""
        return len(self.pictures), self.request.decoding, bool(self.request.choices)


class GeneratingPredictor(BasePredictor):
    """A model with its processor (tokenizer and image processor), or with a tokenizer alone."""

    capabilities = frozenset({"generate"})
    batch = 8
    """Requests a pass; halved for good when memory does not suffice. Another batch is rounded otherwise, and answers
    whose words are tied within the rounding may differ: about 1e-5 of a logit in float32, far more in bfloat16."""
    planes = 8
    """Slices of a volume or frames of a clip that are shown."""

    def __init__(self, module: nn.Module, processor: Any, *, name: str, device: str = "auto") -> None:
        """Hold the model.

        Args:
            module: with `generate`; its own settings of generation are replaced by the tokens that end an answer.
            processor: of text and images, or a tokenizer.
            name: of the model.
            device: "cpu", "cuda" or "auto".
        """
        self.device = pick_device(device)
        self.module: Any = module.to(self.device).eval()
        self.name = name
        self.tokenizer: Any = getattr(processor, "tokenizer", processor)
        self.processor: Any = processor if self.tokenizer is not processor else None
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.module.generation_config = _ends_of(self.module, self.tokenizer)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says of the model, the template of its prompts and its preprocessing included."""
        template = self._template() or ""
        image = getattr(self.processor, "image_processor", None)
        return {
            "kind": "huggingface",
            "name": self.name,
            "architecture": type(self.module).__name__,
            "weights_sha256": weights_sha256(self.module),
            "dtype": str(self.module.dtype).removeprefix("torch."),
            "chat_template_sha256": hashlib.sha256(template.encode()).hexdigest() if template else "none",
            "preprocessing": {"image": image.to_dict() if image is not None else None, "planes": self.planes},
        }

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer requests, a few batches of them looked at together, in the order in which batches are done.

        Where a request names choices, the reply is the likeliest of them, by the sum of the log-probabilities of its
        tokens after the prompt, and holds them all. With a temperature each request is drawn alone from its seed, so
        that its answer depends on nothing else.
        """
        source = iter(requests)
        while window := list(itertools.islice(source, self.batch * _WINDOWS)):
            ready: list[Prompt] = []
            for request in window:
                try:
                    ready.append(self.prompt(request))
                except DataError as error:
                    yield Reply(id=request.id, finish="error", error=str(error))
            for together in self._batches(ready):
                yield from self._answered(together)

    def prompt(self, request: Request) -> Prompt:
        """Read a request in the model's template.

        Raises:
            DataError: a medium cannot be read, or the template refuses the conversation.
        """
        from jinja2 import TemplateError

        pictures, place, messages = [], 0, []
        for message in request.messages:
            content: list[dict[str, str]] = []
            for part in message.parts:
                if isinstance(part, str):
                    content.append({"type": "text", "text": part})
                    continue
                place += 1
                planes = self._pictures(part, place=place)
                pictures += planes
                content += [{"type": "image"}] * len(planes)
            messages.append({"role": message.role, "content": content if self.processor else message.text})
        if self._template() is None:
            return Prompt(request, "\n".join(message.text for message in request.messages), tuple(pictures))
        renders = self.processor or self.tokenizer
        try:
            text = renders.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        except TemplateError as error:
            raise DataError(f"the model's chat template refuses this conversation: {error}") from None
        return Prompt(request, str(text), tuple(pictures))

    def _pictures(self, media: Media, *, place: int) -> list[Any]:
        from PIL import Image

        if self.processor is None:
            raise DataError("this model reads words alone, and the request shows something")
        try:
            return [Image.fromarray(picture) for picture in shown(media, planes=self.planes)]
        except (DataError, OSError):
            raise DataError(f"{media.kind} {place} of the request cannot be read") from None

    def _template(self) -> str | None:
        template = getattr(self.processor, "chat_template", None) or self.tokenizer.chat_template
        return None if template is None else str(template)

    def _batches(self, prompts: Sequence[Prompt]) -> Iterator[list[Prompt]]:
        """Put prompts that can share a pass side by side, shortest first."""
        groups: dict[Any, list[Prompt]] = {}
        for prompt in prompts:
            groups.setdefault(prompt.group, []).append(prompt)
        for (_, decoding, weighed), members in groups.items():
            members.sort(key=lambda prompt: prompt.size)
            size = self.batch if decoding.deterministic or weighed else 1
            for start in range(0, len(members), size):
                yield members[start : start + size]

    def _answered(self, prompts: list[Prompt]) -> Iterator[Reply]:
        """Answer a batch; where memory or the model fails, in halves, so that one request fails alone."""
        import torch

        start = time.perf_counter()
        try:
            with torch.inference_mode():
                replies = self._weighed(prompts) if prompts[0].request.choices else self._written(prompts)
        except (RuntimeError, ValueError, IndexError) as error:
            short_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
            if short_of_memory and self.device != "cpu":
                torch.cuda.empty_cache()
            if len(prompts) == 1:
                kind = "out of memory" if short_of_memory else f"the model failed ({type(error).__name__})"
                yield Reply(id=prompts[0].request.id, finish="error", error=kind)
                return
            half = len(prompts) // 2
            if short_of_memory:
                self.batch = max(1, min(self.batch, half))
            yield from self._answered(prompts[:half])
            yield from self._answered(prompts[half:])
            return
        seconds = (time.perf_counter() - start) / len(prompts)
        yield from (replace(reply, seconds=seconds) for reply in replies)

    def _written(self, prompts: list[Prompt]) -> list[Reply]:
        import torch

        inputs = self.inputs(prompts)
        counts = [int(count) for count in inputs["attention_mask"].sum(dim=1)]
        decoding = prompts[0].request.decoding
        room = self.room(max(counts))
        if room < decoding.max_tokens and len(prompts) > 1:
            return [self._written([prompt])[0] for prompt in prompts]
        if room < 1:
            return [self._too_long(prompts[0], counts[0])]
        drawn = (
            {"do_sample": False}
            if decoding.deterministic
            else {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
        )
        with torch.random.fork_rng(devices=[] if self.device == "cpu" else None):
            torch.manual_seed(decoding.seed)
            out = self.module.generate(**inputs, max_new_tokens=min(decoding.max_tokens, room), **drawn)
        answers = out[:, 1:] if self._two_sided else out[:, inputs["input_ids"].shape[1] :]
        return [
            self._read(prompt, answer.tolist(), tokens_in=count)
            for prompt, answer, count in zip(prompts, answers, counts, strict=True)
        ]

    def _read(self, prompt: Prompt, tokens: list[int], *, tokens_in: int) -> Reply:
        """Return the words before the first token that ends an answer, and before any text at which it stops."""
        ends = self.module.generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        place = next((place for place, token in enumerate(tokens) if token in ends), None)
        written = tokens if place is None else tokens[:place]
        text = self.tokenizer.decode(written, skip_special_tokens=True)
        stops = [text.index(stop) for stop in prompt.request.decoding.stop if stop in text]
        return Reply(
            id=prompt.request.id,
            text=text[: min(stops)] if stops else text,
            finish="length" if place is None and not stops else "stop",
            tokens_in=tokens_in,
            tokens_out=len(written),
        )

    def _weighed(self, prompts: list[Prompt]) -> list[Reply]:
        """Weigh choices by forcing them; the first token of all choices comes from one pass of the batch."""
        inputs = self.inputs(prompts)
        counts = [int(count) for count in inputs["attention_mask"].sum(dim=1)]
        fits = [self.room(count) >= 1 for count in counts]
        if not all(fits) and len(prompts) > 1:
            return [self._weighed([prompt])[0] for prompt in prompts]
        if not all(fits):
            return [self._too_long(prompts[0], counts[0])]
        first = self._first_log_probabilities(inputs)
        return [
            self._weighed_one(prompt, row, tokens_in=count)
            for prompt, row, count in zip(prompts, first, counts, strict=True)
        ]

    def _weighed_one(self, prompt: Prompt, first: Tensor, *, tokens_in: int) -> Reply:
        request = prompt.request
        ids = {choice: self.tokenizer(choice, add_special_tokens=False)["input_ids"] for choice in request.choices}
        longest = max(len(tokens) for tokens in ids.values())
        if not all(ids.values()):
            return Reply(id=request.id, finish="error", error="a choice has no token of this model")
        if self.room(tokens_in) < longest:
            return self._too_long(prompt, tokens_in)
        alone = self.inputs([prompt]) if longest > 1 else {}
        weights = {}
        for choice, tokens in ids.items():
            rows = self._log_probabilities(alone, tokens) if len(tokens) > 1 else first[None]
            weights[choice] = math.fsum(float(row[token]) for row, token in zip(rows, tokens, strict=True))
        return Reply(
            id=request.id,
            text=max(request.choices, key=lambda choice: weights[choice]),
            log_probabilities=weights,
            tokens={choice: len(tokens) for choice, tokens in ids.items()},
            tokens_in=tokens_in,
        )

    def _first_log_probabilities(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Log-probabilities of the first token of an answer, (B, V)."""
        import torch

        made = self.module.generate(
            **inputs, max_new_tokens=1 + len(self._lead), do_sample=False, output_logits=True,
            return_dict_in_generate=True,
        )  # fmt: skip
        return torch.log_softmax(made.logits[-1].float(), dim=-1)

    def _log_probabilities(self, inputs: Mapping[str, Tensor], said: list[int]) -> Tensor:
        """Log-probability of every token at each place of what is said after one prompt, (len(said), V).

        The model is made to write it, so that positions and masks are those of its own writing, whatever its kind.
        """
        import torch

        forced = [*self._lead, *said]
        start = 1 if self._two_sided else inputs["input_ids"].shape[1]
        made = self.module.generate(
            **inputs,
            max_new_tokens=len(forced),
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            prefix_allowed_tokens_fn=lambda _, written: [forced[len(written) - start]],
        )
        return torch.log_softmax(torch.cat(made.logits[len(self._lead) :]).float(), dim=-1)

    @cached_property
    def _lead(self) -> tuple[int, ...]:
        """Tokens that a decoder of its own is made to write before every answer."""
        forced = self.module.generation_config.forced_bos_token_id if self._two_sided else None
        return () if forced is None else (forced,)

    def inputs(self, prompts: Sequence[Prompt]) -> dict[str, Tensor]:
        """Return tokens, mask and pictures of B prompts on the device."""
        texts = [prompt.text for prompt in prompts]
        bos = self.tokenizer.bos_token
        begun = {"add_special_tokens": False} if bos and all(text.startswith(bos) for text in texts) else {}
        reads = {"text": texts, "padding": True, "return_tensors": "pt", **begun}
        if self.processor is None:
            made = self.tokenizer(**reads, return_token_type_ids=False)
        else:
            images = [list(prompt.pictures) for prompt in prompts] if prompts[0].pictures else None
            made = self.processor(images=images, **reads)
        dtype = self.module.dtype
        return {
            name: (value.to(self.device, dtype) if value.is_floating_point() else value.to(self.device))
            for name, value in made.items()
            if hasattr(value, "is_floating_point")
        }

    @property
    def _two_sided(self) -> bool:
        """Whether an encoder reads and a decoder writes, as in Florence-2."""
        return bool(self.module.config.is_encoder_decoder)

    def room(self, count: int) -> int:
        """Return how many tokens fit behind so many."""
        config = self.module.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 2**31) - count

    def _too_long(self, prompt: Prompt, count: int) -> Reply:
        most = count + self.room(count)
        return Reply(
            id=prompt.request.id,
            finish="error",
            error=f"the question takes {count} tokens and the model {most} with its answer; nothing is cut off",
            tokens_in=count,
        )


def _ends_of(module: Any, tokenizer: Any) -> Any:
    """Return settings of generation that hold the special tokens alone."""
    from transformers import GenerationConfig

    own = getattr(module, "generation_config", None)
    names = ("bos_token_id", "eos_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id")
    kept = {name: getattr(own, name, None) for name in names}
    if kept["eos_token_id"] is None:
        kept["eos_token_id"] = tokenizer.eos_token_id
    return GenerationConfig(**kept, pad_token_id=tokenizer.pad_token_id)
