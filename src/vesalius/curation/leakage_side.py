"""One side of a leakage audit: keys of all that studies can share, gathered in one pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vesalius.curation.base import Files
from vesalius.curation.minhash import Shingles, shingles
from vesalius.curation.pictures import grey, opened, pixel_hash
from vesalius.curation.seen import Seen, look_at
from vesalius.curation.text_keys import text_hash, words
from vesalius.data.fingerprint import file_sha256
from vesalius.data.records import Image, Study
from vesalius.errors import DataError

__all__ = ["Side"]

Place = tuple[str, str]
"""Study and image."""
_NOT_REPORTS = ("indication", "comparison", "query", "transcript")


@dataclass(kw_only=True)
class Side:
    """Keys of the studies of a corpus; texts are kept as hashes."""

    patient_of: dict[str, str] = field(default_factory=dict)
    """By study."""
    studies_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By patient."""
    files: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """By SHA-256 of the file, and the frame where the record is one frame."""
    pixels: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    seen: Seen = field(default_factory=Seen)
    reports: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Studies by hash of their text."""
    runs: dict[str, Shingles] = field(default_factory=dict)
    """Hashes of the runs of words of a study's text, by study."""
    questions: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Studies by hash of a question with its options and its answer."""
    num_words: dict[str, int] = field(default_factory=dict)
    """Words of a question, by its hash."""
    bad: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, studies: Iterable[Study], files: Files, *, pictures: bool, least_words: int) -> Side:
        """Go through the studies of a side once.

        Args:
            studies: such as a corpus or a view of it.
            files: where their files are.
            pictures: open every image; without it images are compared by the hash of their file alone.
            least_words: reports with fewer words are not compared.
        """
        side = cls()
        for study in studies:
            side.patient_of[study.id] = study.patient
            side.studies_of[study.patient].append(study.id)
            side._add_texts(study, least_words)
            for image in study.images:
                side._add_image(study, image, files, pictures=pictures)
        for table in (side.studies_of, side.files, side.pixels, side.reports, side.questions):
            assert isinstance(table, defaultdict)
            table.default_factory = None
        return side

    @staticmethod
    def text_of(study: Study) -> str:
        """Return the text of a study by which reports are compared."""
        return " ".join(text.text for text in study.texts if text.role not in _NOT_REPORTS)

    def num_patients(self, studies: Sequence[str]) -> int:
        """Return how many patients have the studies."""
        return len({self.patient_of[name] for name in studies})

    def _add_texts(self, study: Study, least_words: int) -> None:
        text = self.text_of(study)
        if len(words(text)) >= least_words:
            self.reports[text_hash(text)].append(study.id)
            self.runs[study.id] = shingles(text)
        for dialogue in study.dialogues:
            asked = " ".join(turn.text for turn in dialogue.turns if turn.role == "user")
            key = text_hash(" ".join((asked, *sorted(dialogue.options), dialogue.answer)))
            if key and study.id not in self.questions[key]:
                self.questions[key].append(study.id)
                self.num_words[key] = len(words(asked))

    def _add_image(self, study: Study, image: Image, files: Files, *, pictures: bool) -> None:
        place = (study.id, image.id)
        path = files.path(image.path)
        if not path.exists():
            self.bad.append(f"{study.id}/{image.id}: the file is not there")
            if image.sha256:
                self.files[_frame_key(image.sha256, image)].append(place)
            return
        self.files[_frame_key(image.sha256 or file_sha256(path), image)].append(place)
        if not pictures:
            return
        try:
            pixels = opened(path, image)
        except DataError as error:
            self.bad.append(f"{study.id}/{image.id}: {str(error).removeprefix(f'{path}: ')}")
            return
        digest = pixel_hash(pixels)
        self.pixels[digest].append(place)
        self.seen.of.append(place)
        self.seen.looks.append(look_at(grey(pixels), pixels=digest))


def _frame_key(digest: str, image: Image) -> str:
    return digest if image.frame is None else f"{digest}/{image.frame}"
