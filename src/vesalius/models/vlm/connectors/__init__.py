"""Connectors, one file each: the encoder's tokens of a medium become T tokens of the language model's width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vesalius import registry

if TYPE_CHECKING:
    from vesalius.models.vlm.connector_settings import ConnectorConfig
    from vesalius.models.vlm.connectors.base import Connector

__all__ = ["build_connector"]


def build_connector(settings: ConnectorConfig, *, vision_width: int, language_width: int) -> Connector:
    """Build the connector that the settings name; its file holds the class as `CONNECTOR`.

    Args:
        settings: kind and sizes.
        vision_width: F, of the encoder's tokens.
        language_width: D, of the language model's embeddings.
    """
    kind: type[Connector] = registry.load(__name__, settings.kind).CONNECTOR
    return kind(settings, vision_width=vision_width, language_width=language_width)
