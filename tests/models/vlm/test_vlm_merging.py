"""Merging, pooling, RetinaVLM's reshape, and the resampler: tables by hand and public code."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import IdeficsConfig
from transformers.models.idefics.perceiver import IdeficsPerceiverResampler
from transformers.models.internvl.modeling_internvl import InternVLModel

from vesalius.errors import DataError
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors import build_connector
from vesalius.models.vlm.connectors._merging import merged, merged_grid
from vesalius.models.vlm.connectors.base import Connector, Seen
from vesalius.models.vlm.views import Layout

PICTURE = Layout(kind="image", views=1, size=(8, 8))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def built(width: int, out: int, **values: object) -> Connector:
    torch.manual_seed(0)
    settings = ConnectorConfig(**values)  # type: ignore[arg-type]
    return build_connector(settings, vision_width=width, language_width=out).double()


def test_two_by_two_neighbours_stand_row_by_row() -> None:
    # A 2 × 4 grid of the numbers 0 to 7: the left block is 0, 1 above 4, 5.
    tokens = torch.arange(8.0).view(1, 8, 1)
    assert merged(tokens, (2, 4), merge=2, mean=False).tolist() == [[[0, 1, 4, 5], [2, 3, 6, 7]]]
    assert merged(tokens, (2, 4), merge=2, mean=True).tolist() == [[[2.5], [4.5]]]


def test_joining_is_internvls_pixel_shuffle() -> None:
    tokens = drawn(2, 36, 5)
    shuffle = InternVLModel.pixel_shuffle(SimpleNamespace(), tokens.view(2, 6, 6, 5), 0.5)
    torch.testing.assert_close(merged(tokens, (6, 6), merge=2, mean=False), shuffle.flatten(1, 2), rtol=0, atol=0)


def test_the_mean_is_bilinear_resizing_to_half() -> None:
    # Hulu-Med resizes the map of the encoder bilinearly by the merge size.
    tokens = drawn(2, 24, 5)
    maps = tokens.transpose(1, 2).unflatten(-1, (4, 6))
    half = functional.interpolate(maps, scale_factor=0.5, mode="bilinear").flatten(2).transpose(1, 2)
    torch.testing.assert_close(merged(tokens, (4, 6), merge=2, mean=True), half, rtol=0, atol=1e-12)


def test_slices_of_a_grid_of_three_axes_stay_apart() -> None:
    tokens = drawn(1, 3 * 4 * 2, 5)
    each = torch.cat([merged(part, (4, 2), merge=2, mean=False) for part in tokens.split(8, dim=1)], dim=1)
    torch.testing.assert_close(merged(tokens, (3, 4, 2), merge=2, mean=False), each, rtol=0, atol=0)
    assert merged_grid((3, 4, 2), 2) == (3, 2, 1)


def test_odd_grids_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(5, 4\) tokens cannot be merged by 2 × 2"):
        merged_grid((5, 4), 2)


def test_retinavlms_reshape_mixes_features_and_places() -> None:
    # A map (F, rows, columns) = (2, 1, 3) with features a0 a1 a2 and b0 b1 b2, read plainly as 3 tokens of 2.
    tokens = torch.tensor([[[0.0, 10.0], [1.0, 11.0], [2.0, 12.0]]], dtype=torch.float64)
    seen = Seen(tokens, (1, 3), PICTURE)
    released, right = built(2, 2, kind="linear", unpermuted=True), built(2, 2, kind="linear")
    for model in (released, right):
        nn.init.eye_(model.layers.weight)
        nn.init.zeros_(model.layers.bias)
    assert released([seen])[0].tolist() == [[0, 1], [2, 10], [11, 12]]
    assert right([seen])[0].tolist() == tokens[0].tolist()


def test_retinavlms_size() -> None:
    model = build_connector(ConnectorConfig(kind="linear"), vision_width=64, language_width=32)
    assert model.count(PICTURE, (6, 6)) == 36


@pytest.mark.evidence("infimed-foundation", "L2", "27 patches are pooled to 12 windows, constant maps stay constant")
def test_pooling_27_to_12() -> None:
    model = built(3, 3, kind="pool", pooled=12, layers=1)
    nn.init.eye_(model.layers[0].weight)
    nn.init.zeros_(model.layers[0].bias)
    tokens = drawn(1, 27 * 27, 3)
    (pooled,) = model([Seen(tokens, (27, 27), PICTURE)])
    assert pooled.shape == (144, 3)
    # Window i spans floor(27 i / 12) to ceil(27 (i + 1) / 12): 0 to 3 for the first, 2 to 5 for the second.
    places = tokens.view(27, 27, 3)
    torch.testing.assert_close(pooled[0], places[0:3, 0:3].mean(dim=(0, 1)), rtol=0, atol=1e-12)
    torch.testing.assert_close(pooled[13], places[2:5, 2:5].mean(dim=(0, 1)), rtol=0, atol=1e-12)
    constant = Seen(torch.full((1, 729, 3), 2.5, dtype=torch.float64), (27, 27), PICTURE)
    torch.testing.assert_close(
        model([constant])[0], torch.full((144, 3), 2.5, dtype=torch.float64), rtol=0, atol=1e-12
    )


@pytest.mark.evidence(
    "infimed-foundation", "L2", "k of the grid's size is the identity, the same weights serve each k"
)
def test_pooling_to_the_grids_own_size_changes_nothing_and_weights_serve_every_size() -> None:
    whole, coarse = built(3, 4, kind="pool", pooled=27), built(3, 4, kind="pool", pooled=12)
    plain = built(3, 4, kind="mlp")
    whole.load_state_dict(coarse.state_dict())
    plain.load_state_dict(coarse.state_dict())
    seen = Seen(drawn(1, 729, 3), (27, 27), PICTURE)
    torch.testing.assert_close(whole([seen])[0], plain([seen])[0], rtol=0, atol=1e-12)
    with pytest.raises(DataError, match=r"grid of \(8, 27\) tokens cannot be pooled to 12"):
        coarse.count(PICTURE, (8, 27))


def test_the_perceptron_has_so_many_layers() -> None:
    model = built(4, 6, kind="mlp", layers=3, hidden=5, norm=True, merge=2)
    shapes = [tuple(layer.weight.shape) for layer in model.layers if isinstance(layer, nn.Linear)]
    assert shapes == [(5, 16), (5, 5), (6, 5)]
    assert [type(layer) for layer in model.layers].count(nn.GELU) == 2
    assert isinstance(model.layers[0], nn.LayerNorm)


def test_the_perceiver_is_that_of_idefics() -> None:
    config = IdeficsConfig(perceiver_config={"qk_layer_norms_perceiver": False}, vision_config={"embed_dim": 8})
    theirs = IdeficsPerceiverResampler(config, 8, 3, 2, 4, 5).double().eval()
    ours = built(8, 8, kind="perceiver", queries=5, depth=3, heads=2)
    parts = {
        "context_layer_norm": "token_norm", "latents_layer_norm": "latent_norm", "q_proj": "query", "k_proj": "key",
        "v_proj": "value", "output_proj": "out", "ln": "perceptron_norm", "fc": "expand", "c_proj": "contract",
    }  # fmt: skip
    with torch.no_grad():
        ours.latents.copy_(theirs.latents)
        for (attention, perceptron), block in zip(theirs.blocks, ours.blocks, strict=True):
            for their_name, our_name in parts.items():
                source = getattr(attention, their_name, None) or getattr(perceptron, their_name)
                block.get_submodule(our_name).load_state_dict(source.state_dict())
    volume = Layout(kind="volume", views=3, size=(8, 8))
    tokens = drawn(3, 4, 8)
    expected = ours.matrix(theirs(tokens.flatten(0, 1)[None])[0])
    # Sums in another order in double precision.
    torch.testing.assert_close(ours([Seen(tokens, (2, 2), volume)])[0], expected, rtol=0, atol=1e-12)


def test_pictures_stay_whole_beside_merged_volumes() -> None:
    model = built(4, 3, kind="mlp", merge=2, merge_by="mean", whole_pictures=True)
    volume = Layout(kind="volume", views=3, size=(8, 8))
    tokens, slices = drawn(1, 16, 4), drawn(3, 16, 4, seed=1)
    picture, stack = model([Seen(tokens, (4, 4), PICTURE), Seen(slices, (4, 4), volume)])
    assert (model.count(PICTURE, (4, 4)), model.count(volume, (4, 4))) == (16, 3 * 4)
    torch.testing.assert_close(picture, model.layers(tokens[0]))
    torch.testing.assert_close(stack, model.layers(merged(slices, (4, 4), merge=2, mean=True)).flatten(0, 1))


@pytest.mark.parametrize("values", [{}, {"merge": 2}, {"merge": 2, "merge_by": "mean", "unpermuted": True}])
def test_whole_pictures_need_tokens_of_one_width(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="whole_pictures"):
        ConnectorConfig(kind="linear", whole_pictures=True, **values)  # type: ignore[arg-type]
