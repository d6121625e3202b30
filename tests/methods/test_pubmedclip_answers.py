"""PubMedCLIP's pipelines for questions: the authors' numbers with the authors' weights, and the published widths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import CheckpointError
from vesalius.methods.pubmedclip import answer_weights
from vesalius.models.answering import AnsweringConfig, JointAnswers, RoutedAnswers
from vesalius.models.convert import load_whole
from vesalius.models.vision.autoencoder import CODE_WIDTH, ConvolutionalAutoencoder

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "pubmedclip.json").read_text(encoding="utf-8"))
SIZES: dict[str, Any] = {"words": 7, "word_width": 3, "width": 4, "glimpses": 2}
QUESTIONS = torch.tensor(GOLDEN["questions"])
EXACT: dict[str, float] = {"rtol": 1e-10, "atol": 1e-12}
"""Float64 on both sides; the sums of the code run over 16 384 numbers, in another order."""


def wave(shape: tuple[int, ...], a: float, b: float) -> Tensor:
    count = torch.Size(shape).numel()
    return torch.sin(a * torch.arange(count, dtype=torch.float64) + b).reshape(shape)


def published(names: dict[str, list[int]], offset: float = 0.0) -> dict[str, Tensor]:
    """A state dict of the authors' names and shapes, by the formula of the golden numbers."""
    return {
        name: 0.3 * wave(tuple(shape), 0.7 + 0.013 * place, 0.1 * place + offset) + float(name.endswith("_g"))
        for place, (name, shape) in enumerate(names.items())
    }


def inputs() -> tuple[Tensor, Tensor]:
    """Vectors of images and grey pictures."""
    return wave((5, 2), 0.9, 0.4).requires_grad_(), 0.5 + 0.5 * wave((5, 1, 128, 128), 0.37, 0.2)


def coded(autoencoder: ConvolutionalAutoencoder, vector: Tensor, grey: Tensor) -> tuple[Tensor, Tensor]:
    """Visual vectors (B, 1, F) and the autoencoder's error."""
    code, hidden = autoencoder(grey)
    return torch.cat([vector, code], dim=1)[:, None], functional.mse_loss(autoencoder.rebuilt(hidden), grey)


def numbers(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def whole(head: nn.Module) -> tuple[nn.ModuleDict, ConvolutionalAutoencoder]:
    autoencoder = ConvolutionalAutoencoder()
    return nn.ModuleDict({"head": head, "autoencoder": autoencoder}).double().eval(), autoencoder


@pytest.mark.evidence(
    "pubmedclip", "L2", "MEVF with bilinear attention: answers, loss and gradient are the authors' code's"
)
def test_bilinear_attention_of_the_release() -> None:
    golden = GOLDEN["ban"]
    head = JointAnswers(66, answers=6, config=AnsweringConfig(**SIZES, recurrent="lstm"))
    parts, autoencoder = whole(head)
    load_whole(parts, answer_weights(published(golden["names"]), "mevf"))
    vector, grey = inputs()
    image, error = coded(autoencoder, vector, grey)
    logits = head(image, QUESTIONS)
    torch.testing.assert_close(logits, numbers(golden["logits"]), **EXACT)
    assert error.item() == pytest.approx(golden["mse"], rel=1e-12)
    target = functional.one_hot(torch.tensor(golden["answers"]), 6).double()
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="sum") / 5 + 0.001 * error
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-12)
    torch.testing.assert_close(torch.autograd.grad(loss, vector)[0], numbers(golden["gradient"]), **EXACT)


@pytest.mark.evidence("pubmedclip", "L2", "MEVF with stacked attention: answers and gradient are the authors' code's")
def test_stacked_attention_of_the_release() -> None:
    golden = GOLDEN["san"]
    config = AnsweringConfig(**SIZES, recurrent="lstm", attention="stacked")
    head = JointAnswers(2, answers=6, config=config)
    parts = nn.ModuleDict({"head": head}).double().eval()
    load_whole(parts, answer_weights(published(golden["names"]), "mevf"))
    vector, _ = inputs()
    logits = head(vector[:, None], QUESTIONS)
    torch.testing.assert_close(logits, numbers(golden["logits"]), **EXACT)
    gradient = torch.autograd.grad((logits * wave((5, 6), 0.5, 0.1)).sum(), vector)[0]
    torch.testing.assert_close(gradient, numbers(golden["gradient"]), **EXACT)


@pytest.mark.evidence(
    "pubmedclip", "L2", "QCR: both branches, their loss, gradient and routes are the authors' code's"
)
def test_routed_answers_of_the_release() -> None:
    golden = GOLDEN["qcr"]
    head = RoutedAnswers(66, closed=3, open=4, config=AnsweringConfig(**SIZES))
    parts, autoencoder = whole(head)
    state = answer_weights(published(golden["names"]), "qcr")
    load_whole(parts, state | answer_weights(published(golden["kind_names"], 0.5), "type_classifier"))
    vector, grey = inputs()
    image, error = coded(autoencoder, vector, grey)
    branch, own = torch.tensor(golden["branch"]), torch.tensor(golden["own"])
    found = head(image, QUESTIONS, branch)
    torch.testing.assert_close(found.closed, numbers(golden["closed"]), **EXACT)
    torch.testing.assert_close(found.open, numbers(golden["open"]), **EXACT)
    loss = 0.001 * error
    for number, logits in enumerate(found):
        target = functional.one_hot(own[branch == number], logits.shape[1]).double()
        loss = loss + functional.binary_cross_entropy_with_logits(logits, target)
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-12)
    torch.testing.assert_close(torch.autograd.grad(loss, vector)[0], numbers(golden["gradient"]), **EXACT)
    types = head.route(QUESTIONS)
    torch.testing.assert_close(types, numbers(golden["types"]), **EXACT)
    routed = head(image, QUESTIONS, types.argmax(dim=1))
    assert not len(routed.closed)
    torch.testing.assert_close(routed.open, numbers(golden["routed_open_logits"]), **EXACT)


@pytest.mark.evidence(
    "pubmedclip", "L2", "visual vectors of 576, 1088 and 704 for ViT-B/32, ResNet-50 and ResNet-50x4"
)
@pytest.mark.parametrize(("joint", "expected"), [(512, 576), (1024, 1088), (640, 704)])
def test_widths_of_the_published_encoders(joint: int, expected: int) -> None:
    """CLIP's joint width and the code's 64; the sizes are the paper's, and no number is drawn."""
    with torch.device("meta"):
        head = RoutedAnswers(joint + CODE_WIDTH, closed=56, open=431, config=AnsweringConfig(words=1000, glimpses=10))
        image = torch.empty(2, 1, expected)
        assert head.branches[0](image, torch.empty(2, 12, 1024)).shape == (2, 1024)
    assert head.question.recurrent.input_size == 600
    assert head.branches[0].attention.image[1].in_features == expected  # type: ignore[union-attr, index]
    assert head.branches[1].attention.image[1].out_features == 3072  # type: ignore[union-attr, index]


def test_weights_of_another_model_are_named() -> None:
    with pytest.raises(CheckpointError, match=r"1 of 1 keys are unknown: visual\.proj"):
        answer_weights({"visual.proj": torch.zeros(1)}, "qcr")
    with pytest.raises(CheckpointError, match="no pipeline 'maml': mevf, qcr, type_classifier"):
        answer_weights({}, "maml")
