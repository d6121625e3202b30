"""Settings of views, connectors and reduction: what contradicts itself or has no effect is refused by name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict

import pytest

from vesalius import registry
from vesalius.config import validate
from vesalius.errors import ConfigError
from vesalius.models.vlm.connector_settings import USES, ConnectorConfig
from vesalius.models.vlm.reduction import ReductionConfig
from vesalius.models.vlm.view_settings import ClipViews, PictureViews, ViewSettings, VolumeViews


def test_every_connector_is_known_to_the_settings() -> None:
    assert set(USES) == set(registry.names("vesalius.models.vlm.connectors"))
    assert len(USES) == 7


@pytest.mark.parametrize("kind", USES)
def test_settings_survive_json(kind: str) -> None:
    settings = ConnectorConfig(kind=kind, positions="learned")
    assert validate(ConnectorConfig, asdict(settings), where="x") == settings
    views = ViewSettings(channels=1, volume=VolumeViews(windows=((0, 1),)))
    assert validate(ViewSettings, asdict(views), where="x") == views


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"kind": "mpl"}, "did you mean 'mlp'"),
        ({"kind": "mlp", "queries": 8}, "queries has no effect on the connector 'mlp'"),
        ({"kind": "tiles", "merge": 2}, "merge has no effect on the connector 'tiles'"),
        ({"kind": "mlp", "merge": 0}, "merge must be at least 1"),
        ({"kind": "perceiver", "heads": 0}, "heads must be at least 1"),
        ({"kind": "mlp", "layers": 1, "hidden": 8}, "hidden has no effect"),
        ({"kind": "mlp", "merge_by": "mean"}, "merge_by has no effect"),
        ({"kind": "tiles", "without_tiles": True, "tile_codes": True}, "no effect without_tiles"),
        ({"kind": "mlp", "position": "none"}, "unknown key 'position'"),
    ],
)
def test_connectors_refuse(values: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        validate(ConnectorConfig, values, where="recipe")


@pytest.mark.parametrize(
    ("kind", "values", "match"),
    [
        (PictureViews, {"grids": ((0, 2),)}, "grids must be pairs"),
        (PictureViews, {"policy": "tiles", "rule": "ratio", "fewest": 5, "most": 4}, "fewest 5 and most 4"),
        (PictureViews, {"policy": "native", "fit": "stretch"}, "fit has no effect"),
        (PictureViews, {"rule": "ratio"}, "rule has no effect"),
        (PictureViews, {"policy": "tiles", "most": 6}, "most has no effect|fewest and most has"),
        (PictureViews, {"overview": False}, "overview has no effect"),
        (VolumeViews, {"slices": 4, "every_mm": 2.0}, "give one"),
        (VolumeViews, {"slices": None}, "give one"),
        (VolumeViews, {"slices": 0}, "must be above 0"),
        (VolumeViews, {"windows": ((5, 1),)}, "rising values"),
        (VolumeViews, {"windows": ((0, 1),), "percentiles": (0, 100)}, "give one"),
        (VolumeViews, {"percentiles": (-1, 100)}, "between 0 and 100"),
        (VolumeViews, {"orientation": "XYZ"}, "orientation 'XYZ'"),
        (VolumeViews, {"policy": "grid"}, "needs spacing_mm and shape"),
        (VolumeViews, {"spacing_mm": (1, 1, 1)}, "no effect with policy 'slices'"),
        (VolumeViews, {"policy": "grid", "spacing_mm": (1, 1, 0), "shape": (1, 1, 1)}, "must be above 0"),
        (ClipViews, {"frames": 4, "per_second": 1.0}, "give one"),
        (ClipViews, {"frames": -1}, "must be above 0"),
        (ViewSettings, {"size": 0}, "size must be above 0"),
        (ViewSettings, {"max_pixels": 100}, "max_pixels 100 is below"),
        (ViewSettings, {"mean": (0.5, 0.5)}, "mean has 2 numbers for 3 channels"),
        (ViewSettings, {"std": 0.0}, "std must be above 0"),
        (ViewSettings, {"volume": {"windows": ((0, 1), (0, 2))}}, "2 windows for 3 channels"),
        (ReductionConfig, {"budget": 0}, "budget 0"),
        (ReductionConfig, {"over": "strongest"}, "no effect without a budget"),
        (ReductionConfig, {"over": "merge", "budget": 8}, "set threshold to null"),
        (ReductionConfig, {"threshold": None, "unprotected": True}, "unprotected has no effect"),
    ],
)
def test_views_and_reduction_refuse(kind: type, values: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        validate(kind, values, where="recipe")


def test_a_recipe_is_checked_without_torch() -> None:
    code = (
        "import sys\n"
        "from vesalius.models.vlm import connector_settings, reduction, view_settings\n"
        "connector_settings.ConnectorConfig(kind='tiles')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
