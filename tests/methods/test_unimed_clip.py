"""UniMed-CLIP: draws, shards and weights, numbers of the authors' code, its loss, and captions of labels."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from torch import Tensor
from torch.nn import functional

from vesalius.curation.steps.label_captions import captions_for
from vesalius.data.sentences import sentences
from vesalius.errors import ConfigError, DataError
from vesalius.methods import unimed_clip
from vesalius.methods.pubmedclip import PubMedCLIP, PubMedCLIPConfig
from vesalius.methods.unimed_clip import ShardSample, UniMedCLIPConfig, accuracy_percent, build, class_vectors
from vesalius.metrics.classification import auroc
from vesalius.metrics.multiclass import accuracy, confusion_matrix
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "unimed_clip.json").read_text(encoding="utf-8"))
TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 40, "text_length": 12, "projection_dim": 8,
}  # fmt: skip


def evidence(claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence("unimed-clip", "L2", claim)


def method(**settings: Any) -> unimed_clip.UniMedCLIP:
    torch.manual_seed(0)
    return build(UniMedCLIPConfig(**settings), DualEncoder.build(DualEncoderConfig(**TINY)))


def wave(*shape: int, a: float, b: float) -> np.ndarray:
    return np.sin(a * np.arange(np.prod(shape)) + b).reshape(shape)


def unit(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=-1)


@evidence("captions are drawn evenly, a report always wins, an unmarked text passes")
def test_draws() -> None:
    rng = np.random.default_rng(0)
    captions = captions_for(["edema"], "chest radiograph", count=10)
    assert len(set(captions)) == 10
    text = unimed_clip.joined(captions, "_chexpert_")
    drawn = Counter(unimed_clip.draw_caption(text, rng) for _ in range(5000))
    # chi-square with 9 degrees of freedom exceeds 27.9 with a chance of 0.001
    assert sum((drawn[caption] - 500) ** 2 / 500 for caption in captions) < 27.9
    report = unimed_clip.joined(["a", "b", "the report"], "_mimiccxr_")
    assert {unimed_clip.draw_caption(report, rng) for _ in range(50)} == {"the report"}
    without = unimed_clip.joined(["a", "b", unimed_clip.NO_REPORT], "_mimiccxr_")
    assert {unimed_clip.draw_caption(without, rng) for _ in range(50)} == {"a", "b"}
    assert unimed_clip.draw_caption("one plain caption", rng) == "one plain caption"
    with pytest.raises(DataError, match="holds the marker"):
        unimed_clip.joined(["a _dr_ b"], "_dr_")
    with pytest.raises(DataError, match="no caption but markers"):
        unimed_clip.draw_caption("_dr_ _dr_", rng)


@evidence("what may be drawn of every part is what the authors' code draws from")
def test_golden_candidates() -> None:
    found = {entry["text"]: entry["candidates"] for entry in GOLDEN["captions"]}
    # Of fewer than eleven elements that code also draws the word that says there is no report.
    (odd,) = (text for text in found if text.endswith(unimed_clip.NO_REPORT) and len(found[text]) < 10)
    assert found.pop(odd)[-1] == unimed_clip.NO_REPORT
    assert unimed_clip.candidates(odd) == ("t0", "t1", "t2")
    assert len(found) == 14
    for text, expected in found.items():
        assert list(unimed_clip.candidates(text)) == expected


def jpeg(number: int) -> bytes:
    file = io.BytesIO()
    Picture.fromarray(np.full((4, 4), number % 256, np.uint8)).save(file, "JPEG")
    return file.getvalue()


@evidence("shards of the release's form keep bytes and captions, the last one ragged")
def test_shards(tmp_path: Path) -> None:
    samples = [ShardSample(jpeg(n), (f"caption {n}", "sjukdom")) for n in range(25)]
    files = unimed_clip.write_shards(samples, tmp_path, marker="_openi_", size=10)
    assert [path.name for path in files] == [f"dataset-00000{n}.tar" for n in range(3)]
    assert list(unimed_clip.read_shards(files)) == samples
    (tmp_path / "bad.tar").write_bytes(b"no tar")
    with pytest.raises(DataError, match="no whole tar archive"):
        list(unimed_clip.read_shards([tmp_path / "bad.tar"]))
    unimed_clip.write_shard(tmp_path / "half.tar", [("000000.jpg", jpeg(1))])
    with pytest.raises(DataError, match="has no partner"):
        list(unimed_clip.read_shards([tmp_path / "half.tar"]))


@evidence("draws follow the weights, of which there must be one for each part")
def test_weights() -> None:
    sizes = {"a": 100, "b": 300}
    rng = np.random.default_rng(0)
    # share of the first: 0.25 by size, 0.8 by weight; standard error 0.004
    assert (unimed_clip.draw_parts(sizes, 10_000, rng) == 0).mean() == pytest.approx(0.25, abs=0.02)
    assert (unimed_clip.draw_parts(sizes, 10_000, rng, weights=[4, 1]) == 0).mean() == pytest.approx(0.8, abs=0.02)
    with pytest.raises(ConfigError, match="1 weights for 2 parts"):
        unimed_clip.draw_parts(sizes, 1, rng, weights=[1])


@evidence("class vectors of prompt ensembles and the zero-shot accuracy are those of the authors' code")
def test_golden_ensembles_and_accuracy() -> None:
    prompts = wave(9, 5, a=1.7, b=0.4)
    owner = [number for number, places in enumerate(GOLDEN["ensemble"]["prompts"].values()) for _ in places]
    vectors = class_vectors(prompts, owner)
    np.testing.assert_allclose(vectors, GOLDEN["ensemble"]["class_vectors"], rtol=0, atol=1e-14)
    image = wave(8, 5, a=0.9, b=0.1)
    image = image / np.linalg.norm(image, axis=1, keepdims=True)
    zero_shot = GOLDEN["zero_shot"]
    assert accuracy_percent(image @ vectors.T, np.array(zero_shot["target"])) == zero_shot["accuracy"]
    two, logits = GOLDEN["two_classes"], image @ vectors[:2].T
    target = np.array(two["target"])
    assert accuracy_percent(logits, target) == two["acc"]
    assert 100 * auroc(target, logits[:, 1] - logits[:, 0]) == pytest.approx(two["auc_roc"], rel=1e-12)
    table = confusion_matrix(target, logits.argmax(axis=1), labels=[0, 1])
    assert 100 * accuracy(table) == two["acc"]
    precision, recall = table[1, 1] / table[:, 1].sum(), table[1, 1] / table[1].sum()
    assert 100 * precision == pytest.approx(two["precision_score"], rel=1e-12)
    assert 100 * recall == pytest.approx(two["recall_score"], rel=1e-12)
    f1 = 2 * precision * recall / (precision + recall)
    assert 100 * f1 == pytest.approx(two["f1_score"], rel=1e-12)


@evidence("one prompt is plain zero-shot; order and a second copy of all prompts change nothing")
def test_ensembles() -> None:
    prompts = wave(6, 4, a=1.1, b=0.3)
    one = class_vectors(prompts[:2], [0, 1])
    np.testing.assert_allclose(one, prompts[:2] / np.linalg.norm(prompts[:2], axis=1, keepdims=True))
    owner = np.array([0, 0, 0, 1, 1, 1])
    whole = class_vectors(prompts, owner)
    order = [4, 1, 0, 5, 3, 2]
    np.testing.assert_allclose(class_vectors(prompts[order], owner[order]), whole, rtol=1e-12)
    np.testing.assert_allclose(class_vectors(np.tile(prompts, (2, 1)), np.tile(owner, 2)), whole, rtol=1e-12)
    np.testing.assert_allclose(class_vectors(7 * prompts, owner), whole, rtol=1e-12)


@evidence("rows whose highest scores are 0, 1, 1 beside the truth 0, 1, 0 score 66.67 %")
def test_accuracy_by_hand() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 4.0]])
    assert accuracy_percent(logits, np.array([0, 1, 0])) == pytest.approx(200 / 3)
    with pytest.raises(DataError, match="no image"):
        accuracy_percent(np.zeros((0, 2)), np.zeros(0, np.int64))


@evidence("the loss is CLIP's, value and gradient")
def test_loss_is_that_of_clip() -> None:
    sides = {"image": unit(6, 8).requires_grad_(), "text": unit(6, 8, seed=1).requires_grad_()}
    ours, clip = method().double(), PubMedCLIP(PubMedCLIPConfig(), method().model).double()
    logits = ours.model.scale() * sides["image"] @ sides["text"].T
    own = torch.arange(6)
    by_hand = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
    loss = ours.loss(sides)["loss"]
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-12)
    assert loss.item() == pytest.approx(clip.loss(sides)["loss"].item(), rel=1e-12)
    expected = torch.autograd.grad(by_hand, list(sides.values()))
    for found, right in zip(torch.autograd.grad(loss, list(sides.values())), expected, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-10, atol=1e-12)


def test_equal_captions_may_belong_together() -> None:
    ids = torch.tensor([[1, 5, 6, 3], [1, 5, 6, 3], [1, 7, 3, 0]])
    batch = {"pixel_values": torch.rand(3, 1, 32, 32), "input_ids": ids, "attention_mask": (ids > 0).long()}
    apart, together = method(), method(duplicates_are_positives=True)
    with torch.no_grad():
        losses = [chosen(**batch)["image_to_text"].item() for chosen in (apart, together)]
        made = apart.encode(batch)
        logits = (apart.model.scale() * made["image"] @ made["text"].T).log_softmax(dim=1)
    assert losses[0] == pytest.approx(-logits.diagonal().mean().item(), rel=1e-5)
    shared = -torch.stack([logits[0, :2].mean(), logits[1, :2].mean(), logits[2, 2]]).mean()
    assert losses[1] == pytest.approx(shared.item(), rel=1e-5)


def test_words_draw_of_a_marked_text_and_leave_others() -> None:
    chosen, rng = method(), np.random.default_rng(0)
    text = "_chexpert_".join(["A film showing edema.", "There is edema in this film.", "Film: edema."])
    drawn = {chosen.words(sentences(text), rng) for _ in range(40)}
    assert drawn == {"A film showing edema.", "There is edema in this film.", "Film: edema."}
    assert chosen.words(["The heart is normal.", "No effusion."], rng) == "The heart is normal. No effusion."
