"""Every connector: counts are true, gradients reach all, neighbours in the batch do not matter, weights survive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vesalius.errors import ConfigError, DataError
from vesalius.models.vlm.connector_settings import USES, ConnectorConfig
from vesalius.models.vlm.connectors import build_connector
from vesalius.models.vlm.connectors.base import Connector, Seen
from vesalius.models.vlm.views import Layout

WIDTH, OUT = 8, 12
SMALL = {"queries": 5, "depth": 2, "heads": 2, "pooled": 2, "merge": 2, "hidden": 10}
PER_VIEW = ("linear", "mlp", "pool", "query")


def settings(kind: str, **values: object) -> ConnectorConfig:
    small = {name: value for name, value in SMALL.items() if name in USES[kind]}
    return ConnectorConfig(kind=kind, **{**small, **values})  # type: ignore[arg-type]


def connector(kind: str, **values: object) -> Connector:
    torch.manual_seed(0)
    return build_connector(settings(kind, **values), vision_width=WIDTH, language_width=OUT).double()


def seen(layout: Layout, grid: tuple[int, ...] = (4, 4), *, seed: int = 0) -> Seen:
    tokens = torch.randn(
        layout.views, int(np.prod(grid)), WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    return Seen(tokens, grid, layout)


def picture(columns: int = 1, rows: int = 1) -> Layout:
    tiled = columns * rows > 1
    return Layout(
        kind="image", views=columns * rows + tiled, size=(32, 32), columns=columns, rows=rows, overview=tiled
    )


def volume(views: int = 3, *, step: float = 2.5) -> Layout:
    return Layout(kind="volume", views=views, size=(32, 32), positions=tuple(step * view for view in range(views)))


def media(kind: str) -> list[Seen]:
    """A mixed batch: pictures with and without tiles, another grid, and a volume where the connector takes one."""
    batch = [
        seen(picture(), seed=1),
        seen(picture(2, 2), seed=2),
        seen(picture(4, 1), seed=3),
        seen(picture(3, 2), seed=4),
        seen(picture(), (2, 6), seed=5),
    ]
    return batch if kind == "tiles" else [*batch, seen(volume(), seed=6)]


@pytest.mark.parametrize("kind", USES)
def test_counts_are_the_rows_that_come_out(kind: str) -> None:
    model, batch = connector(kind), media(kind)
    out = model(batch)
    assert [tuple(part.shape) for part in out] == [(model.count(one.layout, one.grid), OUT) for one in batch]
    assert model([]) == []


@pytest.mark.parametrize("kind", USES)
def test_other_media_of_the_batch_do_not_change_a_medium(kind: str) -> None:
    model, batch = connector(kind), media(kind)
    together = model(batch)
    for one, tokens in zip(batch, together, strict=True):
        # Sums run over other lengths in double precision; measured below 1e-14.
        torch.testing.assert_close(model([one])[0], tokens, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("positions", ["none", "learned"])
def test_gradients_reach_every_parameter_and_every_token(kind: str, positions: str) -> None:
    model, batch = connector(kind, positions=positions), media(kind)
    if kind == "tiles" and positions == "learned":
        # Positions are those of slices and frames; a single slice is its own overview.
        batch = [*batch, seen(volume(1, step=0.0), seed=6)]
    batch = [one._replace(tokens=one.tokens.requires_grad_()) for one in batch]
    weights = torch.randn(OUT, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    sum((torch.tanh(part) @ weights).square().sum() for part in model(batch)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        # A key's bias moves all scores of a query alike, which softmax does not see.
        if not name.endswith("key.bias"):
            assert parameter.grad.abs().max() > 0, name
    for one in batch:
        assert one.tokens.grad is not None
        left_out = int(kind == "mean_tiles" and one.layout.overview)
        assert (one.tokens.grad[left_out:].abs().amax(dim=-1) > 0).all()


@pytest.mark.parametrize("kind", USES)
def test_weights_survive(kind: str, tmp_path: Path) -> None:
    model, batch = connector(kind, positions="learned" if kind != "tiles" else "none"), media(kind)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    torch.manual_seed(5)
    other = build_connector(model.settings, vision_width=WIDTH, language_width=OUT).double()
    assert not torch.equal(other(batch)[0], model(batch)[0])
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    for one, two in zip(other(batch), model(batch), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.parametrize("kind", USES)
def test_half_precision_goes_through(kind: str) -> None:
    model = connector(kind, positions="none" if kind == "tiles" else "sinusoidal", tile_codes=True).bfloat16()
    batch = [one._replace(tokens=one.tokens.bfloat16()) for one in media(kind)]
    for one, full in zip(model(batch), model.double()(media(kind)), strict=True):
        assert one.dtype == torch.bfloat16
        # Eight bits of mantissa through up to two blocks; measured .011 of values up to 2.5.
        torch.testing.assert_close(one.double(), full, rtol=0, atol=0.04)


@pytest.mark.parametrize("kind", USES)
def test_tokens_that_do_not_fit_the_layout_are_refused(kind: str) -> None:
    wrong = seen(picture(2, 2))._replace(layout=picture())
    with pytest.raises(DataError, match=r"\(5, 16, 8\).*expected \(1, 16, 8\)"):
        connector(kind)([wrong])


@pytest.mark.parametrize("kind", PER_VIEW)
def test_views_are_read_one_after_the_other(kind: str) -> None:
    model, one = connector(kind), seen(volume(5))
    (tokens,) = model([one])
    order = torch.tensor([3, 0, 4, 1, 2])
    (moved,) = model([one._replace(tokens=one.tokens[order])])
    torch.testing.assert_close(moved, tokens.unflatten(0, (5, -1))[order].flatten(0, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["linear", "mlp", "pool"])
def test_tokens_that_the_pixels_chose_stay(kind: str) -> None:
    model, one = connector(kind), seen(volume(3))
    (every,) = model([one])
    kept = np.array([[1, 1, 1, 1], [0, 0, 1, 0], [1, 0, 0, 1]], dtype=bool)
    layout = replace(one.layout, kept=kept)
    assert model.places(one.grid) == (2, 2)
    assert model.count(layout, one.grid) == 7
    (some,) = model([one._replace(layout=layout)])
    torch.testing.assert_close(some, every[torch.from_numpy(kept.ravel())], rtol=0, atol=1e-12)
    with pytest.raises(DataError, match=r"chosen among 5 of a view, the connector makes 4"):
        model.count(replace(layout, kept=np.ones((3, 5), dtype=bool)), one.grid)


@pytest.mark.parametrize("kind", PER_VIEW)
def test_neighbouring_views_share_tokens(kind: str) -> None:
    model, one = connector(kind), seen(volume(5))
    layout = replace(one.layout, merged=2)
    (tokens,) = model([one._replace(layout=layout)])
    each = model.count(picture(), one.grid)
    assert len(tokens) == model.count(layout, one.grid) == 3 * each
    # The last view is alone in its set and stays as it is.
    torch.testing.assert_close(tokens[-each:], model([one])[0][-each:], rtol=0, atol=1e-12)


def test_a_connector_of_the_whole_takes_no_reduction() -> None:
    reduced = replace(volume(3), merged=2)
    for kind in ("perceiver", "mean_tiles", "tiles"):
        with pytest.raises(DataError, match="reduction before it has no meaning"):
            connector(kind).count(reduced, (4, 4))
    with pytest.raises(DataError, match="stand for no places"):
        connector("query").count(replace(volume(3), kept=np.ones((3, 5), dtype=bool)), (4, 4))


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_positions_tell_slices_apart(positions: str) -> None:
    model, layout = connector("linear", merge=1, positions=positions), volume(4)
    if positions == "learned":
        nn.init.eye_(model.codes.matrix.weight)
    alike = Seen(torch.ones(4, 16, WIDTH, dtype=torch.float64), (4, 4), layout)
    tokens = model([alike])[0].unflatten(0, (4, 16))
    assert (tokens[:, 0] - tokens[:, 5]).abs().max() == 0  # one code a slice
    assert torch.cdist(tokens[:, 0], tokens[:, 0]).fill_diagonal_(1).min() > 1e-3
    # By millimetres, not by number: every second of slices half as far apart has the same code.
    fine = Seen(torch.ones(7, 16, WIDTH, dtype=torch.float64), (4, 4), volume(7, step=1.25))
    torch.testing.assert_close(model([fine])[0].unflatten(0, (7, 16))[::2], tokens, rtol=0, atol=1e-6)
    with pytest.raises(DataError, match="states no positions in mm or s"):
        model([alike._replace(layout=replace(layout, positions=()))])


def test_learned_positions_start_as_nothing_and_pictures_have_none() -> None:
    plain, coded = connector("mlp"), connector("mlp", positions="learned")
    coded.load_state_dict(plain.state_dict(), strict=False)
    for one, two in zip(plain(media("mlp")), coded(media("mlp")), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    sinusoidal = connector("mlp", positions="sinusoidal")
    one = seen(picture(2, 2))
    torch.testing.assert_close(sinusoidal([one])[0], plain([one])[0], rtol=0, atol=0)


def test_tile_codes_tell_rows_from_columns() -> None:
    model = connector("linear", merge=1, tile_codes=True)
    plain = connector("linear", merge=1)
    alike = Seen(torch.zeros(5, 16, WIDTH, dtype=torch.float64), (4, 4), picture(2, 2))
    tokens, without = (one([alike])[0].unflatten(0, (5, 16))[:, 0] for one in (model, plain))
    torch.testing.assert_close(tokens[0], without[0], rtol=0, atol=0)  # the overview
    assert torch.cdist(tokens[1:], tokens[1:]).fill_diagonal_(1).min() > 1e-3


def test_a_width_that_heads_cannot_share() -> None:
    with pytest.raises(ConfigError, match="width 8 cannot be shared by 3 heads"):
        connector("perceiver", heads=3)


def test_one_connector_serves_grids_of_three_axes() -> None:
    one = Seen(
        torch.randn(1, 2 * 4 * 4, WIDTH, dtype=torch.float64),
        (2, 4, 4),
        Layout(kind="volume", views=1, size=(8, 16, 16)),
    )
    # Merging joins rows and columns, 2 × 2 × 2 places stay; pooling goes along all axes.
    expected = {"linear": 8, "mlp": 8, "pool": 8, "query": 5, "perceiver": 5, "mean_tiles": 32, "tiles": 32}
    for kind, count in expected.items():
        out: Tensor = connector(kind)([one])[0]
        assert out.shape == (count, OUT)
    assert set(expected) == set(USES)
