"""What every method makes of odd studies: a finite loss and gradient, or a `DataError` that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from method_batches import METHODS, batch_of, method_named
from torch import Tensor

from vesalius.data.corpus import Corpus
from vesalius.data.loader import PairDataset, Selection
from vesalius.data.records import Finding, Image, Study, Text
from vesalius.data.transforms import ImageProcessor
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError
from vesalius.methods.base import Method

UNCERTAIN = tuple(
    Finding(concept=name, status="uncertain", anatomy="lung") for name in ("pleural_effusion", "edema", "nodule")
)
REPORTS_OF_NOTE: Mapping[str, Sequence[str]] = {
    "without a word": ["", "Clear."],
    "one word": ["Clear", "Effusion", "Nodule", "Clear"],
    "ten thousand words": ["Large left effusion in the right lung. " * 1430, "Clear."],
    "no entity": ["Zzzq vvb wrx.", "Qqp, lmk 7!", "Hhgt.", "Vvz xxk."],
    "a single study": ["The lungs are clear."],
    "equal reports": ["Large left effusion."] * 4,
    "signs only": ["?!", "…", "-- 3 --", "(...)"],
    "other scripts": ["胸腔积液", "انصباب جنبي", "Ödème", "плевральный выпот"],
}
LABELS_OF_NOTE: Mapping[str, Sequence[Finding]] = {
    "all uncertain": UNCERTAIN,
    "none": (),
    "unknown": (Finding(concept="no_such_thing"),),
    "all absent": (Finding(concept="pleural_effusion", status="absent"),),
}


def require_defined(method: Method, batch: Mapping[str, Any]) -> None:
    """Do a training step: loss and gradient are finite, or the method refuses with a `DataError`."""
    try:
        out = method(**batch)
    except DataError:
        return
    assert torch.isfinite(out["loss"])
    torch.autograd.backward(out["loss"])
    for name, weight in method.named_parameters():
        assert weight.grad is None or torch.isfinite(weight.grad).all(), name


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("reports", REPORTS_OF_NOTE.values(), ids=REPORTS_OF_NOTE)
def test_odd_reports(name: str, reports: Sequence[str]) -> None:
    method = method_named(name).train()
    require_defined(method, batch_of(method, len(reports), reports=reports))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("findings", LABELS_OF_NOTE.values(), ids=LABELS_OF_NOTE)
def test_odd_labels(name: str, findings: Sequence[Finding]) -> None:
    method = method_named(name).train()
    require_defined(method, batch_of(method, findings=findings))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["black", "equal", "one alone is black"])
def test_odd_images(name: str, kind: str) -> None:
    method = method_named(name).train()
    batch = batch_of(method)
    for pixels in (batch[key] for key in ("pixel_values", "other_pixel_values") if key in batch):
        if kind == "equal":
            pixels[:] = pixels[:1].clone()
        else:
            pixels[: 1 if kind == "one alone is black" else None] = -2.0
    require_defined(method, batch)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("spoken", [[], [""], ["  ", "\n"]], ids=["nothing", "empty", "blank"])
def test_no_words_to_train_on_are_refused(name: str, spoken: list[str]) -> None:
    with pytest.raises(DataError, match="without a word"):
        method_named(name).words(spoken, np.random.default_rng(0))


@pytest.fixture(scope="module")
def incomplete(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Four studies: whole, without text, without image, with an image of another kind."""
    root = tmp_path_factory.mktemp("incomplete") / "corpus"
    film = Image(id="a", path="media/a.png", modality="DX", shape=(8, 8), units="display")
    clip = Image(id="a", path="media/a.mp4", modality="US", kind="video", shape=(2, 8, 8), units="display")
    said = (Text(text="Large left effusion.", role="findings"),)
    with CorpusWriter(root, name="incomplete") as writer:
        writer.add(Study(id="whole", patient="p1", images=(film,), texts=said), media={"media/a.png": b"-"})
        writer.add(Study(id="mute", patient="p2", images=(film,)), media={})
        writer.add(Study(id="blind", patient="p3", texts=said), media={})
        writer.add(Study(id="moving", patient="p4", images=(clip,), texts=said), media={"media/a.mp4": b"-"})
    return Corpus.open(root)


@pytest.mark.parametrize("name", METHODS)
def test_studies_without_text_or_image_are_left_out_and_counted(
    name: str, incomplete: Corpus, tmp_path: Path
) -> None:
    kept = method_named(name).settings.kept_fields
    pairs = PairDataset(incomplete, ImageProcessor(size=8), Selection(), cache=tmp_path, kept=kept)
    assert pairs.ids.to_pylist() == ["whole"]
    assert pairs.dropped == {"no text": 1, "no fitting image": 2}


def step(method: Method, batch: Mapping[str, Any]) -> tuple[float, dict[str, Tensor]]:
    torch.manual_seed(7)
    out = method(**batch)
    torch.autograd.backward(out["loss"])
    gradients = {key: weight.grad for key, weight in method.named_parameters() if weight.grad is not None}
    return out["loss"].item(), gradients


@pytest.mark.parametrize("name", METHODS)
def test_recomputed_activations_change_no_number(name: str) -> None:
    plain, recomputed = method_named(name).train(), method_named(name).train()
    recomputed.model.recompute_activations()
    loss, gradients = step(plain, batch_of(plain))
    again, same = step(recomputed, batch_of(recomputed))
    assert again == loss
    assert set(same) == set(gradients)
    for key, gradient in gradients.items():
        assert torch.equal(same[key], gradient), key


@pytest.mark.parametrize("name", METHODS)
def test_bfloat16_is_finite_and_near(name: str) -> None:
    full, half = method_named(name).train(), method_named(name).train()
    loss, _ = step(full, batch_of(full))
    with torch.autocast("cpu", torch.bfloat16):
        rounded, gradients = step(half, batch_of(half))
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values())
    # 8 bits of a feature are an error of 0.4 %; times a scale of 14 and averaged it stays below a tenth.
    assert rounded == pytest.approx(loss, rel=0.1, abs=0.1)
