"""A small method of every kind and batches for it, as the loader makes them; what the conformance tests share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from vesalius import registry
from vesalius.data.collator import Collator
from vesalius.data.loader import Sample
from vesalius.data.records import Finding, Study
from vesalius.data.transforms import ImageProcessor
from vesalius.methods.base import Method
from vesalius.methods.conversing import ConversingConfig
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.systems import systems

TALKING = tuple(
    name
    for name in registry.names("vesalius.methods")
    if issubclass(registry.load("vesalius.methods", name).SETTINGS, ConversingConfig)
)
"""Methods that learn from conversations."""
WITHOUT_TINY: dict[str, str] = {"retinavlm": "needs tomograms of the macula: tests/methods/test_retinavlm.py"}
"""Those whose tiny recipe needs more than chest radiographs with questions, and where it is tried instead."""
METHODS = tuple(name for name in registry.names("vesalius.methods") if name not in TALKING)
"""Methods that learn from pairs of images and texts."""
_CATALOGUE = {system.slug for system in systems()}
SETTINGS = DualEncoderConfig(image_size=32, patch=8, width=32, depth=2, projection_dim=16, vocabulary=64)
REPORTS = [
    "The lungs are clear. No effusion.",
    "Large left effusion.",
    "Small nodule in the right lung.",
    "Clear.",
]


def method_named(name: str, *, seed: int = 0) -> Method:
    torch.manual_seed(seed)
    module = registry.load("vesalius.methods", name)
    made: Method = module.build(module.SETTINGS(), DualEncoder.build(SETTINGS))
    return made


def batch_of(
    method: Method,
    size: int = 4,
    *,
    seed: int = 0,
    reports: Sequence[str] = REPORTS,
    findings: Sequence[Finding] = (Finding(concept="pleural_effusion", anatomy="pleura"),),
) -> dict[str, Any]:
    """Make a batch as the loader does, with all that the method adds to it; `findings` are those of every study."""
    rng = np.random.default_rng(seed)
    views = [tuple(rng.random((method.settings.num_views, 1, 32, 32), dtype=np.float32)) for _ in range(size)]
    study = Study(id="a", patient="b", findings=tuple(findings))
    samples = [
        Sample(view[0], text, row, view[1:], study)
        for row, (view, text) in enumerate(zip(views, reports[:size], strict=True))
    ]
    tokenizer = train_tokenizer(REPORTS, vocabulary=64)
    method.prepare(tokenizer)
    return Collator(tokenizer, SETTINGS.text_length, ImageProcessor(size=32), method.annotate)(samples)


def talking(claim: str) -> list[Any]:
    """Return the methods that learn from conversations as parameters, a passing test being L1 evidence of `claim`."""
    return [
        pytest.param(name, marks=[pytest.mark.evidence(slug, "L1", claim)] if slug in _CATALOGUE else [])
        for name in TALKING
        if name not in WITHOUT_TINY and (slug := name.replace("_", "-"))
    ]
