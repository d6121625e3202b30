"""`corpus.json`: what a corpus is, how much it holds, and the hash of its content."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vesalius.data.disk import replacing
from vesalius.data.fingerprint import ContentHash, digests_of
from vesalius.data.migrate import require_readable
from vesalius.data.shards import Shard, ShardReader
from vesalius.errors import DataError

__all__ = ["Counts", "Manifest", "SplitSummary", "summarise", "value_counts"]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much a corpus holds."""

    studies: int
    patients: int
    images: int
    modalities: Mapping[str, int]
    """Images of each modality."""
    findings: Mapping[str, int]
    """Studies in which each concept is present."""


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """How a split was made and what came of it."""

    seed: int | None
    """None where the split was given, not drawn."""
    fractions: Mapping[str, float]
    stratify: tuple[str, ...]
    patients: Mapping[str, int]
    shared_patients: int = 0
    """Patients in more than one part, as the own splits of some releases have them; a leak, which is counted."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of `corpus.json`."""

    schema_version: int
    name: str
    content_hash: str
    counts: Counts
    splits: Mapping[str, SplitSummary] = field(default_factory=dict)
    virtual: bool = False
    licence: str = ""
    shards: tuple[Shard, ...] = ()

    def write(self, root: Path) -> None:
        """Write `corpus.json`, whole or not at all."""
        document = asdict(self) | {"shards": [{"file": shard.file, "rows": shard.rows} for shard in self.shards]}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        with replacing(root / "corpus.json", scratch=root) as file:
            file.write(text.encode("utf-8"))

    @classmethod
    def read(cls, root: Path) -> Manifest:
        """Read `corpus.json`.

        Raises:
            DataError: it is missing or unreadable, or of a version that this release cannot read.
        """
        path = root / "corpus.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            require_readable(int(document["schema_version"]), where=f"corpus {root}")
            return cls._from_document(document)
        except FileNotFoundError:
            raise DataError(_missing(root)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not the description of a corpus: {type(error).__name__} {error}") from None

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Manifest:
        splits = {
            scheme: SplitSummary(**summary | {"stratify": tuple(summary["stratify"])})
            for scheme, summary in document.get("splits", {}).items()
        }
        return cls(
            schema_version=int(document["schema_version"]),
            name=document["name"],
            content_hash=document["content_hash"],
            counts=Counts(**document["counts"]),
            splits=splits,
            virtual=document.get("virtual", False),
            licence=document.get("licence", ""),
            shards=tuple(_shard(shard) for shard in document["shards"]),
        )


def _shard(entry: Mapping[str, Any]) -> Shard:
    if Path(entry["file"]).name != entry["file"]:
        raise ValueError(f"shard {entry['file']!r} is not a plain file name")
    return Shard(entry["file"], int(entry["rows"]))


def _missing(root: Path) -> str:
    if not root.exists():
        return f"corpus {root} does not exist"
    kept = len(list((root / "studies").glob("part-*.parquet"))) if (root / "studies").is_dir() else 0
    if kept:
        return (
            f"corpus {root} was not finished: {kept} shards are kept but corpus.json is missing; "
            "run the same again to resume, or vesalius.data.writer.finish(root) to keep what is there"
        )
    return f"{root} is not a corpus: it has no corpus.json"


def summarise(reader: ShardReader) -> tuple[Counts, str]:
    """Count what the shards hold and hash it, one shard in memory at a time."""
    content, patients = ContentHash(), pa.array([], pa.string())
    modalities: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    images = 0
    columns = ["digest", "patient", "findings_present", "num_images", "images.list.element.modality"]
    for _, table in reader.scan(columns):
        content.add(digests_of(table["digest"]))
        patients = pc.unique(pa.concat_arrays([patients, pc.unique(table["patient"])]))
        images += pc.sum(table["num_images"]).as_py() or 0
        findings.update(value_counts(pc.list_flatten(table["findings_present"])))
        modalities.update(value_counts(pc.struct_field(pc.list_flatten(table["images"]), "modality")))
    counts = Counts(
        studies=len(reader),
        patients=len(patients),
        images=images,
        modalities=dict(sorted(modalities.items())),
        findings=dict(sorted(findings.items())),
    )
    return counts, content.hexdigest()


def value_counts(values: pa.ChunkedArray) -> dict[str, int]:
    """Count the values of a column of strings."""
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(values).to_pylist()}
