"""The overview asks the tiles: the checks of PA-LLaVA's card, both faults of its release, and the public Q-Former."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Blip2QFormerConfig, Blip2QFormerModel

from vesalius.errors import DataError
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors.base import Seen
from vesalius.models.vlm.connectors.tiles import Tiles
from vesalius.models.vlm.views import Layout

WIDTH, OUT = 12, 10
PLACES = (14, 14)


def connector(**values: object) -> Tiles:
    torch.manual_seed(0)
    settings = ConnectorConfig(kind="tiles", heads=2, **{"depth": 6, **values})  # type: ignore[arg-type]
    return Tiles(settings, vision_width=WIDTH, language_width=OUT).double()


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def picture(tiles: int, *, grid: tuple[int, int] = (4, 4), seed: int = 0) -> Seen:
    layout = Layout(kind="image", views=tiles + 1, size=(64, 64), columns=tiles, overview=True)
    return Seen(drawn(tiles + 1, grid[0] * grid[1], WIDTH, seed=seed), grid, layout)


@pytest.mark.evidence("pa-llava", "L2", "196 tokens for 4 to 8 tiles")
@pytest.mark.parametrize("tiles", [4, 5, 6, 7, 8])
def test_always_196_tokens(tiles: int) -> None:
    model, one = connector(depth=2), picture(tiles, grid=PLACES)
    assert model([one])[0].shape == (196, OUT)
    assert model.count(one.layout, PLACES) == 196


@pytest.mark.evidence("pa-llava", "L2", "permuting tiles leaves the output unchanged; tile codes are an option")
def test_the_order_of_tiles_has_no_influence_unless_asked_for() -> None:
    one = picture(4)
    turned = one._replace(tokens=one.tokens[[0, 3, 1, 4, 2]])
    model = connector()
    torch.testing.assert_close(model([turned])[0], model([one])[0], rtol=0, atol=1e-12)
    coded = connector(tile_codes=True)
    assert (coded([turned])[0] - coded([one])[0]).abs().max() > 1e-4


@pytest.mark.evidence("pa-llava", "L2", "tiles matter")
def test_tiles_matter() -> None:
    one = picture(4)
    other = one._replace(tokens=torch.cat([one.tokens[:1], drawn(4, 16, WIDTH, seed=9)]))
    assert (connector()([other])[0] - connector()([one])[0]).abs().max() > 1e-3


@pytest.mark.evidence("pa-llava", "L2", "padded tiles have no influence")
def test_empty_tiles_of_the_batch_have_no_influence() -> None:
    model, few, many = connector(), picture(4), picture(8, seed=1)
    torch.testing.assert_close(model([few, many])[0], model([few])[0], rtol=0, atol=1e-12)


@pytest.mark.evidence("pa-llava", "L2", "tiles of zero or fully masked leave view 0 alone")
def test_tiles_of_zero_or_none_leave_the_overview_alone() -> None:
    model, one = connector(), picture(4)
    empty = one._replace(tokens=torch.cat([one.tokens[:1], torch.zeros(4, 16, WIDTH, dtype=torch.float64)]))
    more = picture(7)._replace(tokens=torch.cat([one.tokens[:1], torch.zeros(7, 16, WIDTH, dtype=torch.float64)]))
    torch.testing.assert_close(model([empty])[0], model([more])[0], rtol=0, atol=1e-12)
    alone = Seen(one.tokens[:1], one.grid, Layout(kind="image", views=1, size=(64, 64)))
    # Masked wholly, beside a picture with tiles, is the same as no tile at all.
    torch.testing.assert_close(model([alone, one])[0], model([alone])[0], rtol=0, atol=1e-12)
    assert torch.isfinite(model([alone, one])[0]).all()


@pytest.mark.evidence("pa-llava", "L2", "blocks that give a constant leave Linear(LayerNorm(constant + view 0))")
def test_blocks_that_give_a_constant_leave_linear_of_norm() -> None:
    model, one = connector(), picture(4)
    constant = drawn(WIDTH, seed=3)
    with torch.no_grad():
        model.blocks[-1].norm.weight.zero_()
        model.blocks[-1].norm.bias.copy_(constant)
    expected = model.matrix(model.norm(constant + one.tokens[0]))
    torch.testing.assert_close(model([one])[0], expected, rtol=0, atol=1e-12)


@pytest.mark.evidence("pa-llava", "L2", "as released, without cross-attention, tiles have no influence: an option")
def test_without_cross_attention_as_released_tiles_have_no_influence() -> None:
    model, one = connector(without_tiles=True), picture(4)
    other = one._replace(tokens=torch.cat([one.tokens[:1], drawn(4, 16, WIDTH, seed=9)]))
    torch.testing.assert_close(model([other])[0], model([one])[0], rtol=0, atol=0)
    assert not any("cross" in name for name, _ in model.named_parameters())


@pytest.mark.evidence("pa-llava", "L2", "the release's mask leaves one padded tile: an option")
def test_the_mask_of_the_release_leaves_one_empty_tile() -> None:
    model, few, many = connector(padded_tile_seen=True), picture(4), picture(8, seed=1)
    beside = model([few, many])[0]
    assert (beside - model([few])[0]).abs().max() > 1e-4
    # Exactly one tile of zeros more; among pictures of as many tiles there is no effect.
    one_more = picture(5)._replace(tokens=torch.cat([few.tokens, torch.zeros(1, 16, WIDTH, dtype=torch.float64)]))
    torch.testing.assert_close(beside, connector()([one_more])[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(model([few])[0], connector()([few])[0], rtol=0, atol=0)


def test_several_views_without_overview_are_refused() -> None:
    volume = Layout(kind="volume", views=4, size=(64, 64))
    with pytest.raises(DataError, match="a volume of 4 views has not"):
        connector().count(volume, (4, 4))
    tiled = Layout(kind="image", views=4, size=(64, 64), columns=2, rows=2)
    with pytest.raises(DataError, match=r"views.picture.overview"):
        connector().count(tiled, (4, 4))


@pytest.mark.evidence("pa-llava", "L2", "the blocks are those of the public Q-Former")
def test_blocks_are_those_of_the_q_former() -> None:
    # BLIP-2's Q-Former of transformers with cross-attention in every block and its first norm left at 1 and 0, which
    # is the norm without scale and shift of PA-LLaVA.
    model, one = connector(), picture(5)
    config = Blip2QFormerConfig(
        hidden_size=WIDTH, num_hidden_layers=6, num_attention_heads=2, intermediate_size=4 * WIDTH,
        cross_attention_frequency=1, encoder_hidden_size=WIDTH, hidden_act="gelu", hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12,
    )  # fmt: skip
    theirs = Blip2QFormerModel(config).double().eval()
    parts = {
        "attention.attention.query": "own.query", "attention.attention.key": "own.key",
        "attention.attention.value": "own.value", "attention.output.dense": "own.out",
        "attention.output.LayerNorm": "own.norm", "crossattention.attention.query": "cross.query",
        "crossattention.attention.key": "cross.key", "crossattention.attention.value": "cross.value",
        "crossattention.output.dense": "cross.out", "crossattention.output.LayerNorm": "cross.norm",
        "intermediate_query.dense": "expand", "output_query.dense": "contract", "output_query.LayerNorm": "norm",
    }  # fmt: skip
    for layer, block in zip(theirs.encoder.layer, model.blocks, strict=True):
        for their_name, our_name in parts.items():
            layer.get_submodule(their_name).load_state_dict(block.get_submodule(our_name).state_dict())
    nn.init.ones_(theirs.layernorm.weight)
    nn.init.zeros_(theirs.layernorm.bias)
    overview, tiles = one.tokens[:1], one.tokens[1:].flatten(0, 1)[None]
    found = theirs(query_embeds=overview, encoder_hidden_states=tiles).last_hidden_state
    normal = functional.layer_norm(found + overview, (WIDTH,), model.norm.weight, model.norm.bias, 1e-12)
    # Attention kernels differ in the order of sums, six blocks deep; measured below 1e-12.
    torch.testing.assert_close(model([one])[0], model.matrix(normal)[0], rtol=0, atol=1e-10)


def test_a_single_picture_without_tiles_goes_through() -> None:
    one = Seen(drawn(1, 16, WIDTH), (4, 4), Layout(kind="image", views=1, size=(64, 64)))
    assert connector()([one])[0].shape == (16, OUT)
    reduced = replace(one.layout, merged=2)
    with pytest.raises(DataError, match="no meaning"):
        connector().count(reduced, (4, 4))
