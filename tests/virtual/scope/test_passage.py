"""Clips of hollow organs: depth and poses agree, masks are the lesions, twins differ in the lesion only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import drawn, reference_patient

from vesalius.errors import ConfigError
from vesalius.virtual.findings.colon_polyp import ColonPolyp
from vesalius.virtual.scope.camera import to_camera, to_world
from vesalius.virtual.scope.film import DEPTH_STEP_MM, Film
from vesalius.virtual.scope.passage import Passage, pictures_of_passage, take
from vesalius.virtual.scope.trace import Tracer

SMALL = Passage(size=96, frames=4, frames_per_second=2.0)


def polyp(size: float, paris: str = "0-Is", angle: float = 1.0, distance: float = 500.0) -> ColonPolyp:
    return ColonPolyp(anatomy="descending colon", severity="small", distance_mm=distance, angle=angle,
                      diameter_mm=size, paris=paris, surface="tubular",
                      stalk_mm=(7.0, 2.0) if paris == "0-Ip" else (0.0, 0.0))  # fmt: skip


def points_of(film: Film, number: int) -> tuple[np.ndarray, np.ndarray]:
    """World points (N, 3) of the pixels with a depth, and their (row, column)."""
    depth = film.depth[number].astype(float) * DEPTH_STEP_MM
    rows, columns = np.nonzero(depth)
    rays = film.lens.rays[rows, columns].astype(float)
    places = rays * (depth[rows, columns] / rays[:, 2])[:, None]
    return to_world(film.poses[number], places), np.stack([rows, columns], axis=1)


@pytest.mark.parametrize("pinhole", [False, True])
@pytest.mark.parametrize("organ", ["colon", "stomach"])
def test_depth_and_pose_take_a_point_into_the_next_frame(organ: str, pinhole: bool) -> None:
    film, wall, _ = take(reference_patient(polyp(12.0)), replace(SMALL, organ=organ, pinhole=pinhole))
    tracer = Tracer(wall)
    shown = 0
    for number in range(3):
        world, pixels = points_of(film, number)
        picked = slice(None, None, 37)
        world, pixels = world[picked], pixels[picked]
        there = to_camera(film.poses[number + 1], world)
        seen = film.lens.project(there)
        inside = (there[:, 2] > 1) & (seen > 1).all(axis=1) & (seen < film.lens.size - 1).all(axis=1)
        world, pixels, there = world[inside], pixels[inside], there[inside]
        distance = np.linalg.norm(there, axis=1)
        rays = (world - film.poses[number + 1][:, 3]) / distance[:, None]
        hits = tracer.trace(film.poses[number + 1][:, 3], rays.astype(np.float32))
        # What the next frame sees on the ray to the point is the point, unless something stands before it.
        free = hits.distance > distance - 0.5
        found = film.poses[number + 1][:, 3] + hits.distance[:, None] * rays
        back = film.lens.project(to_camera(film.poses[number], found[free]))
        error = np.linalg.norm(back - (pixels[free][:, ::-1] + 0.5), axis=1)
        assert np.quantile(error, 0.99) < 1.0
        shown += int(free.sum())
    assert shown > 200


@pytest.mark.parametrize(("size", "angle"), [(8.0, 0.4), (14.0, 2.5), (20.0, 4.4)])
def test_size_of_a_polyp_from_its_mask_and_depth(size: float, angle: float) -> None:
    film, _, _ = take(reference_patient(polyp(size, angle=angle)), Passage(size=192, frames=6, frames_per_second=2.0))
    extents = []
    for number, frame in enumerate(film.frames):
        # Reflections have no depth in the file; the size is measured on the geometry itself.
        mask = (frame.label == 1) & np.isfinite(frame.depth_mm)
        ring = mask & ~film.lens.aperture
        if mask.sum() < 60 or ring.any() or mask[[0, -1]].any() or mask[:, [0, -1]].any():
            continue
        rays = film.lens.rays[mask].astype(float)
        places = to_world(film.poses[number], rays * (frame.depth_mm[mask] / rays[:, 2])[:, None])
        places = places[:: max(1, len(places) // 300)]
        extents.append(np.linalg.norm(places[:, None] - places[None], axis=-1).max())
    assert extents
    # The largest extent over the frames: a side view hides the far rim, the bumps add 4.5 %, pixels are 0.3 mm.
    assert max(extents) == pytest.approx(size, rel=0.13)


def test_a_stalked_polyp_stands_off_the_wall() -> None:
    film, wall, _ = take(reference_patient(polyp(12.0, "0-Ip")), SMALL)
    knob = wall.knobs[0]
    height = np.dot(np.array(knob.centre_mm) - knob.foot_mm, knob.normal)
    # Stalk 7 mm and 0.6 of the head's half height of 5.7 mm.
    assert height == pytest.approx(7 + 0.6 * 0.95 * 6, abs=0.1)
    assert max((frame.label == 1).sum() for frame in film.frames) > 20


def test_twins_share_everything_but_the_lesion() -> None:
    sick = reference_patient(polyp(12.0))
    flat = replace(polyp(12.0), paris="0-IIb")
    with_polyp, _, _ = take(sick, SMALL)
    spot, _, _ = take(sick.having([flat]), SMALL)
    for one, other in zip(with_polyp.poses, spot.poses, strict=True):
        assert np.array_equal(one, other)
    for one, other in zip(with_polyp.frames, spot.frames, strict=True):
        far = (one.label == 0) & (other.label == 0)
        near = np.zeros_like(far)
        rows, columns = np.nonzero(~far & with_polyp.lens.aperture)
        if len(rows):
            near[max(0, rows.min() - 4) : rows.max() + 5, max(0, columns.min() - 4) : columns.max() + 5] = True
        same = ~near & with_polyp.lens.aperture & np.isfinite(one.depth_mm) & np.isfinite(other.depth_mm)
        # 0.1 mm: rays that pass near the polyp begin their steps elsewhere.
        assert np.abs(one.depth_mm[same] - other.depth_mm[same]).max() < 0.1


def test_pictures_carry_masks_poses_sizes_and_depth() -> None:
    patient = reference_patient(polyp(14.0))
    clip, depth = pictures_of_passage(patient, SMALL)
    assert clip.pixels.shape == (4, 96, 96, 3)
    assert clip.pixels.dtype == np.uint8
    assert depth.pixels.shape == (4, 96, 96)
    assert depth.pixels.dtype == np.uint16
    assert depth.axes == "TYX"
    assert depth.units == "mm"
    assert len([event for event in clip.events if event.kind == "pose"]) == 4
    assert all(len(event.values) == 12 for event in clip.events)
    assert clip.marks
    for mark in clip.marks:
        assert mark.concept == "colon_polyp"
        assert mark.frame is not None
        assert mark.mask is not None
        assert mark.mask.any()
    values = {value.name: value.value for value in clip.measurements}
    assert values["colon_polyp diameter"] == 14.0
    assert values["distance along the scope"] == 500.0
    # Distances of 5 to 150 mm; the median of the colon is about 30.
    known = depth.pixels[depth.pixels > 0] * DEPTH_STEP_MM
    assert 12 < np.median(known) < 50
    assert np.quantile(known, 0.99) < 240
    assert (depth.pixels[:, 0, 0] == 0).all()


def test_reflections_move_with_the_camera_and_cover_little() -> None:
    shares = []
    for number in range(3):
        film, _, _ = take(replace(reference_patient(), id=f"reflections {number}"), replace(SMALL, frames=2))
        shares += [frame.mirrored[film.lens.aperture].mean() for frame in film.frames]
    assert 0.001 < np.mean(shares) < 0.04


def test_same_bytes_each_time() -> None:
    patient = reference_patient(*drawn("colon_polyp", 3))
    one, other = (pictures_of_passage(patient, replace(SMALL, frames=2)) for _ in range(2))
    assert np.array_equal(one[0].pixels, other[0].pixels)
    assert np.array_equal(one[1].pixels, other[1].pixels)


def test_bad_passages_are_refused() -> None:
    with pytest.raises(ConfigError, match="ear"):
        Passage(organ="ear")
    with pytest.raises(ConfigError, match="size 8"):
        Passage(size=8)
    with pytest.raises(ConfigError, match="0 frames"):
        Passage(frames=0)
