"""A store of many volumes in small compressed pieces, so that a crop reads the pieces that it needs and no more."""

from __future__ import annotations

from vesalius.data.store.convert import StoreReport, store_corpus
from vesalius.data.store.item import Item, Labels
from vesalius.data.store.volumes import Crop, VolumeStore

__all__ = ["Crop", "Item", "Labels", "StoreReport", "VolumeStore", "store_corpus"]
