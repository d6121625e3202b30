"""Marks of a sampled anatomy: masks of structures and of every lesion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.catalogue import ancestors
from vesalius.virtual.anatomy.parts import Sampled
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.picture import Mark

__all__ = ["lesion_marks", "mask_of", "structure_marks"]


def mask_of(sampled: Sampled, name: str) -> NDArray[np.bool_]:
    """Voxels (D, H, W) of a structure and of all its parts by the catalogue; empty where none was painted."""
    places = [
        place + 1
        for place, structure in enumerate(sampled.structures)
        if structure == name or name in ancestors(structure)
    ]
    if len(places) > 4:
        table = np.zeros(256, np.bool_)
        table[places] = True
        return np.asarray(table[sampled.labels])
    # Comparing is four times as fast as looking up.
    found = np.zeros(sampled.labels.shape, np.bool_)
    for place in places:
        found |= sampled.labels == place
    return found


def structure_marks(sampled: Sampled, names: Iterable[str]) -> tuple[Mark, ...]:
    """Return the masks of structures, those that lie in the volume."""
    masks = ((name, mask_of(sampled, name)) for name in names)
    return tuple(Mark(anatomy=name, mask=mask) for name, mask in masks if mask.any())


def lesion_marks(sampled: Sampled, diseases: Sequence[Disease]) -> tuple[Mark, ...]:
    """Return the mask of every disease that has voxels; its instance is its index among `diseases`."""
    found = []
    for concept, instance in sorted({(concept, instance) for concept, instance, _ in sampled.lesions}):
        mask = sampled.lesion(concept, instance)
        if mask.any():
            found.append(Mark(concept=concept, anatomy=diseases[instance].anatomy, mask=mask, instance=instance))
    return tuple(found)
