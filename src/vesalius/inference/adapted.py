"""Heads that `vesalius finetune` wrote, as models that are asked questions about one picture.

A head for questions gives the answer of its list that its logits favour, and where options are stated the one of
them. A head for reports writes one, whatever the words of the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.adaptation.protocols.report import Report
from vesalius.adaptation.protocols.vqa import VQA
from vesalius.adaptation.saved import open_adapted
from vesalius.data.messages import media_of
from vesalius.errors import DataError
from vesalius.inference.backends.checkpoint import CheckpointPredictor
from vesalius.inference.choosing import bare_question, pixels_of
from vesalius.inference.dual import weights_sha256
from vesalius.inference.requests import Reply, Request
from vesalius.metrics.answers import plain_answer

if TYPE_CHECKING:
    from torch import nn

    from vesalius.adaptation.protocols.base import Protocol

__all__ = ["AdaptedPredictor", "open_head"]


def open_head(folder: str, *, device: str) -> CheckpointPredictor:
    """Open a model folder with a head; one that neither answers nor writes is opened as its encoders.

    Raises:
        CheckpointError: it is damaged.
    """
    protocol = open_adapted(folder)
    if isinstance(protocol, VQA | Report):
        return AdaptedPredictor(protocol, device=device)
    return CheckpointPredictor(protocol.trunk.loaded, device=device)


class AdaptedPredictor(CheckpointPredictor):
    """Encoders with a head that answers or writes."""

    def __init__(self, protocol: VQA | Report, *, device: str = "auto") -> None:
        super().__init__(protocol.trunk.loaded, device=device)
        self.protocol: Any = protocol.to(self.device).float().eval()
        self.capabilities |= {"generate", protocol.capability}

    def whole(self) -> nn.Module:
        """Return encoders and head."""
        module: nn.Module = self.protocol
        return module

    def describe(self) -> Mapping[str, Any]:
        """Say which head stands beside the encoders, and its weights."""
        protocol: Protocol = self.protocol
        reads = "the picture and its own list of answers" if isinstance(protocol, VQA) else "the picture alone"
        head = {"task": protocol.task, "reads": reads, "weights_sha256": weights_sha256(protocol)}
        return {**super().describe(), "head": head}

    def redraw(self) -> None:
        """Build encoders and head anew with random weights of torch's current generator."""
        import torch

        protocol = self.protocol
        trunk = protocol.trunk.untrained(int(torch.randint(2**31, ())))
        drawn = type(protocol)(protocol.settings, trunk, protocol.concepts, **protocol.facts)
        self.protocol = drawn.to(self.device).float().eval()
        self.module, self.method = trunk.model, trunk.method

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer requests one by one; each must show exactly one picture."""
        for request in requests:
            try:
                yield self._reply(request)
            except DataError:
                yield Reply(id=request.id, finish="error", error="the picture of the request cannot be read")

    def _reply(self, request: Request) -> Reply:
        pictures = [part for media in media_of(request.messages) for part in pixels_of(media, volumes=True)]
        if len(pictures) != 1:
            return Reply(
                id=request.id, finish="error", error=f"this head reads one picture, and {len(pictures)} are shown"
            )
        batch = {"pixel_values": self.pixel_values(pictures).to(self.device)}
        if isinstance(self.protocol, VQA):
            return self._answer(request, batch)
        if request.choices or request.option_texts:
            return Reply(id=request.id, finish="error", error="this head writes reports and cannot choose")
        return Reply(id=request.id, text=self.protocol.texts(self._outputs(batch)["written"])[0])

    def _answer(self, request: Request, batch: dict[str, Any]) -> Reply:
        import torch

        asked = self.protocol.question(bare_question(request))
        batch |= {name: torch.from_numpy(np.asarray(value)[None]).to(self.device) for name, value in asked.items()}
        batch["branch"] = torch.zeros(1, dtype=torch.long, device=self.device)
        logits = self._outputs(batch)["logits"][0]
        if not request.option_texts:
            return Reply(id=request.id, text=self.protocol.answers[int(logits.argmax())])
        places = {
            letter: self.protocol.places[plain_answer(text)]
            for letter, text in request.option_texts.items()
            if plain_answer(text) in self.protocol.places
        }
        lacking = len(request.option_texts) - len(places)
        if lacking:
            words = f"{lacking} of {len(request.option_texts)} options are not in this head's list of answers"
            return Reply(id=request.id, finish="error", error=words)
        return Reply(id=request.id, text=max(places, key=lambda letter: logits[places[letter]]))

    def _outputs(self, batch: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        import torch

        with torch.inference_mode():
            return {name: value.cpu().numpy() for name, value in self.protocol.outputs(batch).items()}
