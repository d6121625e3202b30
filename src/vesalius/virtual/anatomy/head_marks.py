"""Marks of a sampled head: lesions with their components, lobes, and structures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.head import LOBES, lobe_numbers
from vesalius.virtual.anatomy.head_measures import lesion_mask
from vesalius.virtual.anatomy.marks import mask_of, structure_marks
from vesalius.virtual.anatomy.parts import Sampled
from vesalius.virtual.brain import BrainDisease
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.picture import Mark

__all__ = ["STRUCTURES", "finding_marks", "head_marks", "lobe_marks"]

STRUCTURES = (
    "cerebral cortex", "cerebral white matter", "corpus callosum", "left thalamus", "right thalamus",
    "left caudate nucleus", "right caudate nucleus", "left putamen", "right putamen", "left globus pallidus",
    "right globus pallidus", "left hippocampus", "right hippocampus", "left amygdala", "right amygdala",
    "left lateral ventricle", "right lateral ventricle", "third ventricle", "fourth ventricle", "cerebellum",
    "brainstem", "pituitary gland", "subarachnoid space", "skull", "left orbit", "right orbit",
)  # fmt: skip
"""Structures that are marked on every picture of the head."""


def head_marks(sampled: Sampled, diseases: Sequence[Disease]) -> tuple[Mark, ...]:
    """Return findings, their components, structures and lobes."""
    return (
        *finding_marks(sampled, diseases), *_components(sampled, diseases), *structure_marks(sampled, STRUCTURES),
        *lobe_marks(sampled),
    )  # fmt: skip


def lobe_marks(sampled: Sampled) -> tuple[Mark, ...]:
    """Return the lobes: cuts of cortex and white matter with the nuclei in them."""
    cerebrum = mask_of(sampled, "cerebrum")
    if sampled.places is None:
        x, y, z = sampled.grid.axes
        numbers = lobe_numbers(x[None, None, :], y[None, :, None], z[:, None, None])
    else:
        numbers = lobe_numbers(*sampled.places)
    masks = [(name, cerebrum & (numbers == number)) for number, name in enumerate(LOBES, 1)]
    return tuple(Mark(anatomy=name, mask=mask) for name, mask in masks if mask.any())


def finding_marks(sampled: Sampled, diseases: Sequence[Disease]) -> Iterator[Mark]:
    """Yield the mask of every disease of the brain that is seen; its instance is its index among `diseases`."""
    for index, disease in enumerate(diseases):
        if not isinstance(disease, BrainDisease):
            continue
        if disease.shown_by:
            mask = np.any([mask_of(sampled, name) for name in disease.shown_by], axis=0)
        else:
            mask = lesion_mask(sampled, disease.concept, index)
        if mask.any():
            yield Mark(concept=disease.concept, anatomy=disease.anatomy, mask=mask, instance=index)


def _components(sampled: Sampled, diseases: Sequence[Disease]) -> Iterator[Mark]:
    """Components of lesions that have several, each without what was painted over it later."""
    for index, disease in enumerate(diseases):
        kinds = {part: mask for (name, number, part), mask in sampled.lesions.items()
                 if (name, number) == (disease.concept, index)}  # fmt: skip
        if len(kinds) < 2:
            continue
        covered: NDArray[np.bool_] = np.zeros(sampled.labels.shape, np.bool_)
        for part, mask in reversed(kinds.items()):
            seen = mask & ~covered
            covered |= mask
            if seen.any():
                name = f"{part} of {disease.concept.replace('_', ' ')}"
                yield Mark(anatomy=name, mask=seen, instance=index)
