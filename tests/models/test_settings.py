"""Settings of the dual encoder: what they fill in, and what they refuse before torch is touched."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from vesalius.config import validate
from vesalius.errors import ConfigError
from vesalius.models.settings import DualEncoderConfig


def test_defaults_are_filled_in() -> None:
    settings = DualEncoderConfig(width=96, text_depth=2)
    assert settings.size == (128, 128)
    assert settings.patches == (16, 16)
    assert settings.side("vision") == (96, 4, 3)  # one head for every 32 of the width
    assert settings.side("text") == (96, 2, 3)


def test_a_volume_has_three_axes() -> None:
    settings = DualEncoderConfig(image_size=(16, 64, 64), patch=(4, 16, 16))
    assert settings.dimensions == 3
    assert settings.patches == (4, 16, 16)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vision": "vgg"}, "vision 'vgg' is unknown; expected vit, resnet or hf:"),
        ({"text": "lstm"}, "text 'lstm' is unknown"),
        ({"vision": "hf:"}, "vision 'hf:' is unknown"),
        ({"vision_pool": "last"}, "no meaning for patches"),
        ({"vision": "resnet", "vision_pool": "cls"}, "no class token"),
        ({"projection_norm": True}, "needs projection 'mlp', found 'linear'"),
        ({"temperature": 0}, "temperature must be above 0"),
        ({"frozen_text_layers": -2}, "must be -1"),
        ({"vision": "resnet", "vision_depth": 12}, "a ResNet has one of"),
        ({"width": 100, "heads": 3}, "width 100 cannot be shared by 3 heads"),
        ({"image_size": (1, 2, 3, 4)}, "or 2 or 3 of them"),
        ({"image_size": 100}, "not a multiple of patch"),
        ({"patch": (4, 4, 4)}, "not one number for each axis"),
    ],
)
def test_bad_values_say_what_is_wrong(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        validate(DualEncoderConfig, values, where="recipe")


def test_an_unknown_key_offers_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'widht'.*did you mean 'width'"):
        validate(DualEncoderConfig, {"widht": 3}, where="recipe")


def test_settings_load_no_torch() -> None:
    check = "import sys, vesalius.models.settings; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
