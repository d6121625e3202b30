"""WebDataset: tar archives whose neighbouring members of one name are a sample: ``<key>.jpg``, ``.txt``, ``.json``.

Pictures are unpacked once, on the first read, below ``unpacked``. A key may hold folders; one that leaves them, a
link and a member larger than any picture are refused. Shards are read one after another and their members in turn, so
that nothing but one sample is in memory.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vesalius.data.datasets.base import unpacked
from vesalius.data.formats.base import origin_of, split_named
from vesalius.data.records import Dialogue, Image, Study, Text
from vesalius.data.releases.pictures import modality_of, picture
from vesalius.data.releases.questions import conversation
from vesalius.data.releases.rows import Row
from vesalius.data.samples import Sample
from vesalius.errors import DataError

__all__ = ["PICTURES", "Members", "read", "samples_in", "shards", "unpacked_picture", "write", "write_shard"]

PICTURES = ("jpg", "jpeg", "png", "tif", "tiff")
_TEXTS = ("txt", "caption", "text")
_LARGEST_MEMBER = 1 << 28
_PER_SHARD = 1000


@dataclass(frozen=True)
class Members:
    """The members of one key by their ending, without its dot and in lower case."""

    key: str
    parts: Mapping[str, bytes]
    where: str

    def row(self) -> Row:
        """Return the JSON member as a row; an empty one where there is none."""
        if "json" not in self.parts:
            return Row({}, self.where)
        try:
            value = json.loads(self.parts["json"])
        except (ValueError, RecursionError):
            raise DataError(f"{self.where}: its .json is no JSON") from None
        return Row({}, self.where).inside("json", value)

    def text(self) -> str:
        """Return the text member; nothing where there is none."""
        content = next((self.parts[ending] for ending in _TEXTS if ending in self.parts), b"")
        try:
            return content.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise DataError(f"{self.where}: its text is not in UTF-8") from None


def shards(root: Path) -> list[Path]:
    """Return the archives of a file or folder in the order of their names.

    Raises:
        DataError: there is none.
    """
    found = [root] if root.is_file() else sorted(root.rglob("*.tar"))
    if not found:
        raise DataError(f"{root}: no shards; expected .tar files such as 00000.tar")
    return found


def samples_in(path: Path) -> Iterator[Members]:
    """Yield the samples of a shard in its order.

    Raises:
        DataError: names the shard and the member: cut short, no plain file, or a name that leaves its folder.
    """
    key, parts = "", dict[str, bytes]()
    for name, content in _files(path):
        stem, _, ending = PurePosixPath(name).name.partition(".")
        own = str(PurePosixPath(name).parent / stem)
        if own != key and parts:
            yield Members(key, parts, f"{path}, {key}")
            parts = {}
        key = own
        if ending.lower() in parts:
            raise DataError(f"{path}, {name}: the shard holds it twice; a key is one sample")
        parts[ending.lower()] = content
    if parts:
        yield Members(key, parts, f"{path}, {key}")


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, "r|") as archive:
            for member in archive:
                if member.isdir():
                    continue
                _require_plain(path, member)
                file = archive.extractfile(member)
                content = file.read() if file else b""
                if len(content) < member.size:
                    raise DataError(f"{path}, {member.name}: {len(content)} of {member.size} bytes; copy it again")
                yield member.name, content
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path}: no whole tar archive: {error}; copy it again") from None


def _require_plain(path: Path, member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise DataError(f"{path}: member {member.name!r} leaves the folder; refused")
    if not member.isfile():
        raise DataError(f"{path}: member {member.name!r} is no plain file; refused")
    if member.size > _LARGEST_MEMBER:
        raise DataError(f"{path}: member {member.name!r} claims {member.size} bytes; refused")


def unpacked_picture(root: Path, shard: Path, members: Members, *, id: str, **facts: Any) -> Image | None:
    """Write the picture of a sample below ``unpacked`` and return its record; None where it has none or a broken one.

    Args:
        root: folder of the data set.
        shard: that the sample is in; its path below `root` becomes a folder.
        members: of the sample.
        id: of the image.
        facts: further fields of the record.
    """
    ending = next((ending for ending in PICTURES if ending in members.parts), "")
    if not ending:
        return None
    folder = shard.relative_to(root).with_suffix("").as_posix()
    path = unpacked(root, f"{folder}/{members.key}.{ending}", members.parts[ending])
    return picture(path, id=id, **facts)


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a sample; the part is the word train, val or test in the name of the shard or its folder.

    Of the JSON member are read `caption` (where there is no text member), `patient`, `study`, `modality`, and
    `conversations` or `messages`. The key is the study's id where the JSON gives none.

    Raises:
        DataError: a broken shard or sample, or a sample without a picture that opens.
    """
    root = root.absolute()
    base = root if root.is_dir() else root.parent
    origin = origin_of(root, base.name)
    for shard in shards(root):
        part = split_named(shard.stem) or split_named(shard.parent.name if shard.parent != base else "")
        for members in samples_in(shard):
            row = members.row()
            words = row.optional("modality")
            image = unpacked_picture(
                base, shard, members, id=members.key, modality=modality_of(words) if words else ""
            )
            if image is None:
                raise DataError(f"{members.where}: no picture that opens; expected one of .{', .'.join(PICTURES)}")
            text = members.text() or row.optional("caption", "text")
            yield Sample(
                Study(
                    id=row.optional("study") or members.key, patient=row.optional("patient") or members.key,
                    images=(image,), dialogues=_dialogues(row, members.key), provenance=origin,
                    texts=(Text(text=text, role="caption", images=(image.id,)),) if text else (),
                ), part,
            )  # fmt: skip


def _dialogues(row: Row, key: str) -> tuple[Dialogue, ...]:
    name = next((name for name in ("conversations", "messages") if row.has(name)), "")
    if not name:
        return ()
    turns = [(turn.text("from", "role"), turn.text("value", "content")) for turn in row.parts(name)]
    return (conversation(key, turns, images=[key], source=name),)


def write(samples: Iterable[Sample], root: Path, *, per_shard: int = _PER_SHARD) -> list[Path]:
    """Write studies of one flat picture as shards ``<part>-00000.tar`` and return them.

    Picture, caption, patient and modality are kept; what a sample cannot hold (regions, further pictures) is not.
    """
    counts: dict[str, int] = {}
    waiting: dict[str, list[tuple[str, bytes]]] = {}
    made: list[Path] = []
    for study, part in samples:
        members = waiting.setdefault(part, [])
        members += _members(study)
        counts[part] = counts.get(part, 0) + 1
        if counts[part] % per_shard == 0:
            made.append(_next_shard(root, part, counts[part] // per_shard - 1, members))
            members.clear()
    for part, members in waiting.items():
        if members:
            made.append(_next_shard(root, part, counts[part] // per_shard, members))
    return sorted(made)


def _next_shard(root: Path, part: str, number: int, members: list[tuple[str, bytes]]) -> Path:
    path = root / f"{part}{'-' if part else ''}{number:05d}.tar"
    write_shard(path, members)
    return path


def _members(study: Study) -> Iterator[tuple[str, bytes]]:
    image = next((image for image in study.images if image.kind == "image"), None)
    if image is None:
        raise DataError(f"study {study.id!r} has no flat picture; a shard of this form holds one for each sample")
    key = study.id.replace(".", "_")
    yield f"{key}{Path(image.path).suffix.lower()}", Path(image.path).read_bytes()
    caption = " ".join(text.text for text in study.texts)
    if caption:
        yield f"{key}.txt", caption.encode()
    facts = {"study": study.id, "patient": study.patient, "modality": image.modality}
    yield f"{key}.json", json.dumps(facts, ensure_ascii=False).encode()


def write_shard(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a tar archive of members with names, the same bytes for the same members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
