"""MSD: a slow teacher softens the targets, and what it saw of a whole window of batches are the negatives.

Paper: "Boosting Medical Vision-Language Pretraining via Momentum Self-Distillation under Limited Computing
Resources", WACV 2026, arXiv 2512.02438. Code: phphuc612/MSD, a page without code so far.
New: the batches that are accumulated for one optimiser step are each contrasted with the teacher's features of all of
them: the negatives of K · B pairs in the memory of B; and the teacher's belief which pairs belong together is mixed
into the targets.
Differs here: share, momentum and ramp are not known and are the usual ones (ALBEF, arXiv 2107.07651); the teacher is
in evaluation mode, so that its batch norms do not see the pieces. The loader is not read twice: the batches of a step
are held, as images and tokens, and teacher and student see the same view.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vesalius.data import views
from vesalius.data.views import Pair, ViewConfig
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, keys_of
from vesalius.models.dual import DualEncoder
from vesalius.objectives.contrastive import Keys, contrast
from vesalius.objectives.distillation import follow, ramp, soft_targets
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "MSD", "PAPER", "SETTINGS", "MSDConfig", "MSDView", "build"]

# B rows of a batch, M rows of the window, D joint width

_COMPACT = (
    "model.vision_width=128",
    "model.width=64",
    "model.projection_dim=64",
    "model.text_length=48",
    "method.momentum=0.9",
)
"""Encoders for pictures of 64 pixels, and a teacher that follows within the 240 steps of the small budget."""
_ALONE = (
    "model.vision=vit",
    "model.vision_depth=2",
    "optimisation.batch=1",
    "optimisation.accumulate=16",
)
"""One pair a batch; layer norms, for a batch norm would see one picture."""

PAPER = Paper(
    slug="msd",
    title="Boosting Medical Vision-Language Pretraining via Momentum Self-Distillation under Limited Computing "
    "Resources",
    year=2026,
    arxiv="2512.02438",
    venue="WACV",
    code="phphuc612/MSD: a page without code, no licence file",
    claims=(
        Claim(
            name="window",
            sentence="Batches contrasted with the teacher's view of their whole accumulation window find more than "
            "the same batches accumulated.",
            factor="method.window",
            on=True,
            off=False,
            task="retrieval",
            metric="mrr",
            label="image_to_text",
            published="retrieval +2 to +3 points (abstract)",
            settings=(*_COMPACT, "optimisation.batch=8", "optimisation.accumulate=4"),
            control=PositiveControl(
                sentence="A batch of one pair holds no rival of it, so its contrast is 0 whatever the features are: "
                "all that tells one sign from another lies in the other batches of the window.",
                data=ClaimData(plant="woven_signs"),
                settings=_ALONE,
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class MSDView(ViewConfig):
    """Random view that leaves small findings in the picture; the paper's is not known."""

    crop: Pair | None = (0.8, 1.0)
    rotation: float = 10.0
    translation: float = 0.05
    brightness: Pair | None = (0.8, 1.2)
    contrast: Pair | None = (0.8, 1.2)


@dataclass(frozen=True, kw_only=True)
class MSDConfig(MethodConfig):
    """Settings of MSD; the learned temperature is the model's, shared by teacher and student."""

    momentum: float = 0.995
    """m of the teacher's weights, m · teacher + (1 − m) · student once an optimiser step (usual: 0.995)."""
    soft_share: float = 0.4
    """Share a of the teacher's belief in the targets (usual: 0.4); 0 leaves the plain contrast."""
    ramp_epochs: float = 1.0
    """Epochs in which the share grows from 0: a young teacher reinforces noise (usual: the first epoch)."""
    window: bool = True
    """Keys are the teacher's features of all batches of an optimiser step (optimisation.accumulate); or those of the
    batch alone, as in plain accumulation."""
    view: MSDView = field(default_factory=MSDView)
    """Random view of the image, the same for teacher and student."""

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, found {self.momentum}")
        if not 0 <= self.soft_share <= 1:
            raise ValueError(f"soft_share must be from 0 to 1, found {self.soft_share}")
        if self.ramp_epochs < 0:
            raise ValueError(f"ramp_epochs must be at least 0, found {self.ramp_epochs}")


class MSD(Method):
    """Contrast of the student's features with the teacher's features of the window, targets softened."""

    def __init__(self, settings: MSDConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        self.teacher = deepcopy(model).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> MSD:
        """Set training mode for the student; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    @torch.no_grad()
    def ahead(self, batch: Batch) -> Representations:
        """Features of the teacher, without a graph: ``teacher_image`` and ``teacher_text``, unit-norm, (B, D)."""
        image = self.teacher.encode_image(batch["pixel_values"], local=False)
        text = self.teacher.encode_text(batch["input_ids"], batch["attention_mask"], local=False)
        return {"teacher_image": image.joint, "teacher_text": text.joint}

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors of the student, and those of the teacher or their rows in the window."""
        student = super().encode(batch)
        if "window_row" not in batch:
            return {**student, **self.ahead(batch)}
        rows = batch["window_row"]
        if self.chosen.window:
            return {**student, "window_row": rows}
        return {**student, **{name: part[rows] for name, part in self.window.items()}}

    def gather(self, representations: Representations) -> Representations:
        """Add the rows of all processes; those of a window are there already."""
        return representations if "window_row" in representations else super().gather(representations)

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the mean of both directions, (1 − a) · InfoNCE + a · cross-entropy to the teacher, and the parts."""
        keys, rows = self._keys(representations)
        scale = self.model.scale()
        share = ramp(self.chosen.soft_share, step=self.progress.epoch, steps=self.chosen.ramp_epochs)
        targets = None
        if share:
            fixed = scale.detach()
            targets = soft_targets(
                fixed * keys.image[rows] @ keys.text.T, fixed * keys.text[rows] @ keys.image.T, share=share,
                first=keys.first,
            )  # fmt: skip
        value = contrast(
            representations["image"], representations["text"], logit_scale=scale, keys=keys, targets=targets
        )
        return {
            "loss": value.loss,
            "image_to_text": value.image_to_text,
            "text_to_image": value.text_to_image,
            "soft_share": scale.new_tensor(share),
        }

    def after_step(self) -> None:
        """Let the teacher follow."""
        follow(self.teacher, self.model, momentum=self.chosen.momentum)

    def _keys(self, representations: Representations) -> tuple[Keys, slice]:
        """Return the teacher's features and which of them are of our rows."""
        count = len(representations["image"])
        if "window_row" not in representations:
            own = {name: part.detach() for name, part in representations.items()}
            keys = keys_of(own, image="teacher_image", text="teacher_text")
            keys = keys or Keys(image=own["teacher_image"], text=own["teacher_text"])
        else:
            image, text = self.window["teacher_image"], self.window["teacher_text"]
            first = int(representations["window_row"][0])
            # As many batches as the window holds are averaged afterwards, over steps and processes.
            keys = Keys(image=image, text=text, first=first, processes=len(image) // count)
        return keys, slice(keys.first, keys.first + count)


METHOD = MSD
SETTINGS = MSDConfig


def build(settings: MSDConfig, model: DualEncoder) -> MSD:
    """Put the method around a model."""
    return MSD(settings, model)
