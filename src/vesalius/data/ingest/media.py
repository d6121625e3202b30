"""Videos and whole slides of a study: described without decoding them whole, and named by their content."""

from __future__ import annotations

from dataclasses import replace

from vesalius.data.fingerprint import file_sha256
from vesalius.data.ingest.plan import ImagePlan
from vesalius.data.readers import sniff
from vesalius.data.records import Image

__all__ = ["described"]

_CONTAINERS = {"mov": ".mp4", "matroska": ".mkv", "avi": ".avi", "mpeg": ".mpg", "mpegvideo": ".mpg", "mpegts": ".ts"}
_CONTAINERS |= {"asf": ".wmv"}
_SCANNERS = (".svs", ".ndpi", ".scn", ".bif")
_UNSTATED = "OT"


def described(planned: ImagePlan) -> Image | None:
    """Return the record of a video or a TIFF pyramid; None for everything else.

    Raises:
        DataError: it is broken or was cut off.
    """
    kind = sniff(planned.path)
    if kind == "video":
        return _video(planned)
    if kind == "tiff":
        from vesalius.data.readers.slide_sources import tiff_levels

        return _slide(planned) if tiff_levels(planned.path) > 1 else None
    return None


def _video(planned: ImagePlan) -> Image:
    from vesalius.data.readers.video import describe_clip
    from vesalius.data.readers.video_index import HEAD_BYTES, container_of

    with planned.path.open("rb") as file:
        suffix = _CONTAINERS[container_of(file.read(HEAD_BYTES))]
    record = describe_clip(planned.path, id=planned.id, modality=planned.modality or _UNSTATED)
    return _placed(planned, record, suffix)


def _slide(planned: ImagePlan) -> Image:
    from vesalius.data.readers.slide import describe_slide

    record = describe_slide(planned.path, id=planned.id)
    suffix = planned.path.suffix.lower()
    suffix = suffix if suffix in _SCANNERS else ".tif"
    return _placed(planned, replace(record, modality=planned.modality or record.modality), suffix)


def _placed(planned: ImagePlan, record: Image, suffix: str) -> Image:
    digest = file_sha256(planned.path)
    return replace(
        record,
        path=f"media/{digest[:2]}/{digest}{suffix}",
        sha256=digest,
        view=planned.view,
        body_part=planned.body_part,
        laterality=planned.laterality,
    )
