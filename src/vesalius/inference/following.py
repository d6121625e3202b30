"""Writing by `generate` of transformers, followed token by token: for every model that it can run.

Letters: B requests, R rows (B, or B times the beams), L tokens, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from vesalius.inference.answers import Answers
from vesalius.inference.requests import Decoding

if TYPE_CHECKING:
    from torch import Tensor

    from vesalius.inference.weighing import WeighingPredictor

__all__ = ["beamed", "steps", "write"]


def write(
    model: WeighingPredictor,
    inputs: Mapping[str, Any],
    answers: Answers,
    *,
    decoding: Decoding,
    most: int,
    follow: _Follow | None = None,
) -> None:
    """Write answers to their ends, greedily or by chance from the seed.

    Args:
        model: whose module writes.
        inputs: what its `generate` takes, the prompts (B, L) padded at the left.
        answers: B empty ones.
        decoding: of all of them.
        most: tokens of an answer.
        follow: what is told after every token; nothing where not given.
    """
    import torch

    drawn: dict[str, Any] = {"do_sample": False}
    if not decoding.deterministic:
        drawn = {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
    hooks = _Hooks(answers, lead=len(model.lead), start=_start(model, inputs), follow=follow)
    with torch.inference_mode(), torch.random.fork_rng(devices=[] if model.device == "cpu" else None):
        torch.manual_seed(decoding.seed)
        model.module.generate(
            **inputs, max_new_tokens=most, logits_processor=[hooks.allow], stopping_criteria=[hooks.take], **drawn
        )


def steps(
    model: WeighingPredictor, inputs: Mapping[str, Any], answers: Answers, *, decoding: Decoding, most: int
) -> Iterator[None]:
    """Write answers in a thread, for `generate` cannot pause; yields after every token, and closing it ends them."""
    follow = _Follow()

    def written() -> None:
        try:
            write(model, inputs, answers, decoding=decoding, most=most, follow=follow)
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is read
            follow.told.put(error)
            return
        follow.told.put(None)

    thread = Thread(target=written, name="vesalius-answer", daemon=True)
    thread.start()
    try:
        while (told := follow.told.get()) is not None:
            if isinstance(told, BaseException):
                raise told
            yield
    finally:
        follow.closed.set()
        thread.join()


def beamed(
    model: WeighingPredictor, inputs: Mapping[str, Any], answers: Answers, *, decoding: Decoding, most: int
) -> None:
    """Write the likeliest of several answers by its mean log-probability, as beam search of transformers finds it."""
    start, masks = _start(model, inputs), answers.masks
    places = [place for place in range(len(answers.tokens)) for _ in range(decoding.beams)]

    def allow(input_ids: Tensor, scores: Tensor) -> Tensor:
        written = input_ids[:, start + len(model.lead) :].tolist()
        if masks is None or input_ids.shape[1] < start + len(model.lead):
            return scores
        return masks.apply(places, written, scores)

    out = model.module.generate(
        **inputs, max_new_tokens=most, do_sample=False, num_beams=decoding.beams, logits_processor=[allow]
    )
    for tokens in out[:, start + len(model.lead) :].T:
        answers.take(range(len(out)), tokens)


class _Follow:
    """What goes between the thread that writes and the one that reads."""

    def __init__(self) -> None:
        self.told: SimpleQueue[BaseException | int | None] = SimpleQueue()
        """A number for each token, then None, or what went wrong."""
        self.closed = Event()


class _Hooks:
    """What `generate` calls before and after each token."""

    def __init__(self, answers: Answers, *, lead: int, start: int, follow: _Follow | None) -> None:
        self._answers, self._first, self._follow = answers, start + lead, follow
        self._rows = range(len(answers.tokens))

    def allow(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores if input_ids.shape[1] < self._first else self._answers.allow(self._rows, scores)

    def take(self, input_ids: Tensor, scores: Any, **more: Any) -> Tensor:
        import torch

        if input_ids.shape[1] > self._first:
            self._answers.take(self._rows, input_ids[:, -1])
            if self._follow is not None:
                self._follow.told.put(1)
        closed = self._follow is not None and self._follow.closed.is_set()
        return torch.tensor([done or closed for done in self._answers.done], device=input_ids.device)


def _start(model: WeighingPredictor, inputs: Mapping[str, Any]) -> int:
    """Return the place of the first written token."""
    return 1 if model.two_sided else int(inputs["input_ids"].shape[1])
