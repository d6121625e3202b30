"""Models of transformers that write: vision-language models and language models, by local folder or hub id.

Frames of a clip and slices of a volume are shown as pictures in their order, windowed as a viewer would; no part of
a question is ever cut off. Greedy answers are those of the weights alone: penalties and chances that a checkpoint
brings along are left out.
Letters: B requests, L tokens, V vocabulary.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vesalius.data.messages import Media
from vesalius.errors import DataError
from vesalius.inference.answers import Answers
from vesalius.inference.dual import pick_device, weights_sha256
from vesalius.inference.enforcing import TAGS, Enforcer
from vesalius.inference.following import beamed, steps, write
from vesalius.inference.prompting import Prompt
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.inference.weighing import WeighingPredictor
from vesalius.models.media import shown

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["GeneratingPredictor"]

_WINDOWS = 4
"""Batches that are looked at together, to put requests of like length side by side."""


class GeneratingPredictor(WeighingPredictor):
    """A model with its processor (tokenizer and image processor), or with a tokenizer alone."""

    capabilities = frozenset({"generate"})
    batch = 8
    """Requests a pass; halved for good when memory does not suffice. Another batch is rounded otherwise, and answers
    whose words are tied within the rounding may differ: about 1e-5 of a logit in float32, far more in bfloat16."""
    draws_together = False
    """Whether answers that are drawn by chance may share a pass and still depend on nothing but their own seeds."""
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

    def stream(self, request: Request) -> Iterator[str | Reply]:
        """Answer one request: pieces of its text as they are written, at last the whole reply.

        Closing the iterator ends the answer. Where choices are weighed or beams compared the text comes at once.
        """
        if request.choices or request.decoding.beams > 1:
            yield from super().stream(request)
            return
        start, sent = time.perf_counter(), 0
        try:
            prompts = [self.prompt(request)]
            inputs, count = self._measured(prompts)
            if self.room(count) < 1:
                yield self.too_long(prompts[0], count)
                return
            answers = self._begun(prompts)
            for _ in self.steps(prompts, inputs, answers):
                settled = answers.settled(0)
                if len(settled) > sent:
                    yield settled[sent:]
                    sent = len(settled)
        except (DataError, RuntimeError, ValueError, IndexError) as error:
            yield Reply(id=request.id, finish="error", error=_reason(error))
            return
        reply = self._reply(prompts[0], answers, 0, tokens_in=count)
        if len(reply.text) > sent:
            yield reply.text[sent:]
        yield replace(reply, seconds=time.perf_counter() - start)

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
            shortest: dict[Any, int] = {}
            for prompt in members:
                shortest[prompt.together] = min(prompt.size, shortest.get(prompt.together, prompt.size))
            order = {key: place for place, key in enumerate(shortest)}
            members.sort(key=lambda one: (shortest[one.together], order[one.together], one.size))
            size = self.batch if decoding.deterministic or weighed or self.draws_together else 1
            for start in range(0, len(members), size):
                yield members[start : start + size]

    def _answered(self, prompts: list[Prompt]) -> Iterator[Reply]:
        """Answer a batch; where memory or the model fails, in halves, so that one request fails alone."""
        import torch

        start = time.perf_counter()
        try:
            with torch.inference_mode():
                replies = self.weighed(prompts) if prompts[0].request.choices else self._written(prompts)
        except (DataError, RuntimeError, ValueError, IndexError) as error:
            short_of_memory = isinstance(error, torch.OutOfMemoryError)
            if short_of_memory and self.device != "cpu":
                torch.cuda.empty_cache()
            if len(prompts) == 1:
                yield Reply(id=prompts[0].request.id, finish="error", error=_reason(error))
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
        inputs, longest = self._measured(prompts)
        decoding = prompts[0].request.decoding
        room = self.room(longest)
        if room < decoding.max_tokens and len(prompts) > 1:
            return [self._written([prompt])[0] for prompt in prompts]
        if room < 1:
            return [self.too_long(prompts[0], longest)]
        answers = self._begun(prompts)
        if decoding.beams > 1:
            beamed(self, inputs, answers, decoding=decoding, most=self._most(inputs, decoding))
            if decoding.log_probabilities:
                self._score(prompts, answers)
        else:
            self.run(prompts, inputs, answers)
        counts = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            self._reply(prompt, answers, place, tokens_in=int(count))
            for place, (prompt, count) in enumerate(zip(prompts, counts, strict=True))
        ]

    def run(self, prompts: Sequence[Prompt], inputs: Mapping[str, Any], answers: Answers) -> None:
        """Write answers to their ends."""
        decoding = prompts[0].request.decoding
        write(self, inputs, answers, decoding=decoding, most=self._most(inputs, decoding))

    def steps(self, prompts: Sequence[Prompt], inputs: Mapping[str, Any], answers: Answers) -> Iterator[None]:
        """Write answers, and pause after every token; closing the iterator ends them."""
        decoding = prompts[0].request.decoding
        return steps(self, inputs, answers, decoding=decoding, most=self._most(inputs, decoding))

    def _most(self, inputs: Mapping[str, Any], decoding: Decoding) -> int:
        """Return how many tokens may be written."""
        return min(decoding.max_tokens, self.room(int(inputs["attention_mask"].sum(dim=1).max())))

    def _measured(self, prompts: Sequence[Prompt]) -> tuple[dict[str, Any], int]:
        """Return what the model takes, and the tokens of the longest prompt."""
        inputs = self.inputs(prompts)
        return inputs, int(inputs["attention_mask"].sum(dim=1).max())

    def _begun(self, prompts: Sequence[Prompt]) -> Answers:
        """Return empty answers that know where they end and what may stand in them."""
        decoding = prompts[0].request.decoding
        constraints = [prompt.request.constraint for prompt in prompts]
        return Answers(
            len(prompts),
            ends=self._ends,
            decode=self._decoded,
            stop=decoding.stop,
            masks=self._enforcer.masks(constraints) if any(constraints) else None,
            weigh=decoding.log_probabilities,
        )

    def _reply(self, prompt: Prompt, answers: Answers, place: int, *, tokens_in: int) -> Reply:
        chances = tuple(round(value, 6) for value in answers.log_probabilities[place])
        return Reply(
            id=prompt.request.id,
            text=answers.text(place),
            finish=answers.finish(place),
            token_log_probabilities=chances,
            tokens_in=tokens_in,
            tokens_out=len(answers.tokens[place]),
        )

    def _score(self, prompts: Sequence[Prompt], answers: Answers) -> None:
        """Weigh the tokens of answers that were chosen among beams, each alone; without the one that ends them."""
        for place, prompt in enumerate(prompts):
            said = answers.tokens[place]
            rows = self.log_probabilities(self.inputs([prompt]), said) if said else ()
            answers.log_probabilities[place] = [float(row[token]) for row, token in zip(rows, said, strict=True)]

    @property
    def _ends(self) -> set[int]:
        ends = self.module.generation_config.eos_token_id
        return {ends} if isinstance(ends, int) else set(ends or ())

    @cached_property
    def _enforcer(self) -> Enforcer:
        head = self.language.get_output_embeddings()
        return Enforcer(self.tokenizer, width=int(head.weight.shape[0]), ends=self._ends)

    @property
    def language(self) -> Any:
        """The part of the model that gives words."""
        return self.module

    def _decoded(self, tokens: list[int]) -> str:
        """Return the words of tokens; of special ones, tags of regions alone."""
        return str(self.tokenizer.decode([token for token in tokens if token not in self._unsaid]))

    @cached_property
    def _unsaid(self) -> frozenset[int]:
        names = zip(self.tokenizer.all_special_ids, self.tokenizer.all_special_tokens, strict=True)
        return frozenset(number for number, name in names if name not in TAGS)

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

    def room(self, count: int) -> int:
        """Return how many tokens fit behind so many."""
        config = self.module.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 2**31) - count


def _reason(error: Exception) -> str:
    """Return what is told of a failure: our own words, or the kind alone, for others may hold a piece of a record."""
    from torch import OutOfMemoryError

    if isinstance(error, DataError):
        return str(error)
    return "out of memory" if isinstance(error, OutOfMemoryError) else f"the model failed ({type(error).__name__})"


def _ends_of(module: Any, tokenizer: Any) -> Any:
    """Return settings of generation that hold the special tokens alone."""
    from transformers import GenerationConfig

    own = getattr(module, "generation_config", None)
    names = ("bos_token_id", "eos_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id")
    kept = {name: getattr(own, name, None) for name in names}
    if kept["eos_token_id"] is None:
        kept["eos_token_id"] = tokenizer.eos_token_id
    return GenerationConfig(**kept, pad_token_id=tokenizer.pad_token_id)
