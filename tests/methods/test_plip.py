"""PLIP, the encoder of PA-LLaVA: the authors' losses written out, queue and teacher; it is saved and loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius import registry
from vesalius.data.collator import Collator
from vesalius.data.loader import Sample
from vesalius.data.records import Study
from vesalius.data.transforms import ImageProcessor
from vesalius.methods.base import Progress
from vesalius.methods.pa_llava import Plip, PlipConfig
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.objectives.distillation import soft_targets
from vesalius.training.checkpoint import load_model, save_model

CAPTIONS = ("Glands of the colon.", "Tumour cells.", "Fat in the liver.", "Lymph cells, no gland.")
TOKENIZER = train_tokenizer(CAPTIONS, vocabulary=60)
MODEL: dict[str, Any] = {
    "image_size": 16, "patch": 8, "width": 16, "depth": 1, "vocabulary": 60, "text_length": 12, "projection_dim": 8,
    "max_scale": 1000,
}  # fmt: skip
SMALL: dict[str, Any] = {"queue": 6, "layers": 2, "heads": 2, "dropout": 0.0}


def plip(*, seed: int = 0, **settings: Any) -> Plip:
    torch.manual_seed(seed)
    built: Plip = registry.load("vesalius.methods", "pa_llava.plip").build(
        PlipConfig(**{**SMALL, **settings}), DualEncoder.build(DualEncoderConfig(**MODEL))
    )
    return built


def batch(captions: tuple[str, ...] = CAPTIONS, *, seed: int = 0) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    samples = [
        Sample(rng.random((1, 16, 16), dtype=np.float32), caption, row, (), Study(id=str(row), patient="a"))
        for row, caption in enumerate(captions)
    ]
    return Collator(TOKENIZER, 12, ImageProcessor(size=16), plip().annotate)(samples)


def written_out(of: Plip, made: dict[str, Tensor], *, share: float) -> Tensor:
    """The authors' contrast (FFLIP_Pretrain.forward of their flip/pretrainModel.py), in its own order."""
    temperature = 1 / of.scale().detach()
    texts = torch.cat([made["teacher_text"].T, of.queue.text.T], dim=1)
    images = torch.cat([made["teacher_image"].T, of.queue.image.T], dim=1)
    exact = torch.zeros(len(made["image"]), texts.shape[1]).fill_diagonal_(1)
    losses = []
    for rows, slow, keys in (("image", "teacher_image", texts), ("text", "teacher_text", images)):
        soft = functional.softmax(made[slow] @ keys / temperature, dim=1)
        targets = share * soft + (1 - share) * exact
        losses.append(-(functional.log_softmax(made[rows] @ keys / temperature, dim=1) * targets).sum(dim=1).mean())
    return (losses[0] + losses[1]) / 2


@pytest.mark.evidence("pa-llava", "L2", "PLIP: contrast with teacher, queue and soft targets as the authors write it")
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_contrast_is_the_authors_formula(share: float) -> None:
    of = plip(soft_share=share, ramp_epochs=0, match_weight=0)
    of.queue.push(torch.randn(2, 8), torch.randn(2, 8))
    found = of(**batch())
    # Sums of ten terms in another order; measured below 5e-7.
    torch.testing.assert_close(found["loss"], written_out(of, of.encode(batch()), share=share), rtol=0, atol=3e-6)


@pytest.mark.evidence("pa-llava", "L2", "PLIP: without soft targets it is InfoNCE over batch and queue")
def test_no_soft_share_is_plain_contrast_over_batch_and_queue() -> None:
    of = plip(soft_share=0.0, match_weight=0)
    made = of.encode(batch())
    logits = of.scale() * made["image"] @ torch.cat([made["teacher_text"], of.queue.text]).T
    back = of.scale() * made["text"] @ torch.cat([made["teacher_image"], of.queue.image]).T
    own = torch.arange(4)
    plain = (functional.cross_entropy(logits, own) + functional.cross_entropy(back, own)) / 2
    torch.testing.assert_close(of.loss(made)["loss"], plain, rtol=0, atol=3e-6)


@pytest.mark.evidence("pa-llava", "L2", "PLIP: soft targets sum to 1 over batch and queue")
def test_soft_targets_sum_to_one() -> None:
    found = soft_targets(torch.randn(4, 10), torch.randn(4, 10), share=0.4)
    assert found.image_to_text is not None
    torch.testing.assert_close(found.image_to_text.sum(dim=1), torch.ones(4))


@pytest.mark.evidence(
    "pa-llava", "L2", "PLIP: the teacher starts as the student, gets no gradient, and follows by 0.995"
)
def test_the_teacher_follows() -> None:
    of = plip(momentum=0.995).train()
    pairs = list(zip(of.teacher.parameters(), of.model.parameters(), strict=True))
    assert all(torch.equal(slow, fast) for slow, fast in pairs)
    of(**batch())["loss"].backward()
    assert not any(slow.grad is not None or slow.requires_grad for slow, _ in pairs)
    with torch.no_grad():
        before = of.model.vision.after.weight.clone()
        of.model.vision.after.weight += 1
    of.after_step()
    # 0.995 · before + 0.005 · (before + 1)
    torch.testing.assert_close(of.teacher.vision.after.weight, before + 0.005)


@pytest.mark.evidence("pa-llava", "L2", "PLIP: what the teacher saw of a step goes into the queue, the oldest goes")
def test_the_queue_takes_the_teachers_features_after_the_step() -> None:
    of = plip().train()
    first = of.queue.image.clone()
    made = of.encode(batch())
    of.loss(made)
    assert torch.equal(of.queue.image, first), "the batch is no negative of itself"
    of.after_step()
    assert torch.equal(of.queue.image[:4], made["teacher_image"])
    assert torch.equal(of.queue.text[4:], plip().queue.text[4:])
    of.eval()
    of.loss(of.encode(batch()))
    of.after_step()
    assert int(of.queue.place) == 4, "validation leaves the queue alone"


@pytest.mark.evidence(
    "pa-llava", "L2", "PLIP: matching is over 3 B pairs, and never takes the true pair for a wrong one"
)
def test_matching_takes_each_pair_once_and_wrong_ones_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    of, seen = plip(), []
    whole = of.reader.forward

    def watched(text: Tensor, image: Tensor, keep: Tensor) -> Tensor:
        seen.append((text.detach(), image.detach()))
        return whole(text, image, keep)

    monkeypatch.setattr(of.reader, "forward", watched)
    made = of.encode(batch())
    for step in range(20):
        of.progress = Progress(step=step)
        of.train()
        of.loss(made)
    for text, image in seen:
        assert len(text) == len(image) == 12
        rows = [next(n for n, own in enumerate(made["text_tokens"]) if torch.equal(one, own)) for one in text]
        pictures = [next(n for n, own in enumerate(made["image_tokens"]) if torch.equal(one, own)) for one in image]
        assert rows[:4] == pictures[:4] == [0, 1, 2, 3]
        assert all(row != picture for row, picture in zip(rows[4:], pictures[4:], strict=True))
        assert (rows[4:8], pictures[8:]) == ([0, 1, 2, 3], [0, 1, 2, 3])


def test_equal_texts_are_no_wrong_pairs() -> None:
    of = plip()
    made = of.encode(batch((CAPTIONS[0],) * 4))
    logits = of.reader(made["text_tokens"], made["image_tokens"], made["text_keep"].bool())
    assert torch.isfinite(of.loss(made)["match"])
    # Every pair is a true one, and stands three times.
    torch.testing.assert_close(
        of.loss(made)["match"], functional.cross_entropy(logits, torch.ones(4, dtype=torch.long)), rtol=0, atol=1e-6
    )


def test_the_temperature_stays_between_its_bounds() -> None:
    of = plip()
    for value, expected in ((-5.0, 2.0), (50.0, 1000.0)):
        with torch.no_grad():
            of.model.logit_scale.fill_(value)
        assert float(of.scale().detach()) == pytest.approx(expected)


def test_all_that_learns_gets_a_gradient() -> None:
    of = plip().train()
    of(**batch())["loss"].backward()
    assert [name for name, one in of.named_parameters() if one.requires_grad and one.grad is None] == []


@pytest.mark.evidence("pa-llava", "L1", "PLIP: saves, loads under its own name, matches")
def test_saved_and_loaded(tmp_path: Path) -> None:
    of = plip().eval()
    of.queue.push(torch.randn(3, 8), torch.randn(3, 8))
    save_model(tmp_path / "m", method=of, tokenizer=TOKENIZER, processor=ImageProcessor(size=16), info={})
    again = load_model(tmp_path / "m").method
    assert isinstance(again, Plip)
    given = batch()
    torch.testing.assert_close(again(**given)["loss"], of(**given)["loss"], rtol=0, atol=0)
    image = again.model.encode_image(given["pixel_values"])
    text = again.model.encode_text(given["input_ids"], given["attention_mask"])
    assert again.match(image, text, given["attention_mask"]).shape == (4,)


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"momentum": 1.0}, "momentum"), ({"soft_share": 1.1}, "soft_share"), ({"queue": 0}, "queue 0")],
)
def test_settings_that_cannot_be(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        PlipConfig(**settings)
