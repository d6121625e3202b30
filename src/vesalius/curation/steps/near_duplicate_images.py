"""Drop studies whose images are another study's films: encoded, sized or windowed anew, or cropped a little.

Candidates come from perceptual hashes; each is then confirmed by the agreement of fine detail, since different
patients' films of one kind often hash alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step
from vesalius.curation.clusters import Keep, clusters, richness, survivor
from vesalius.curation.seen import AGREEMENT, BITS, Candidate, Seen, look, near_pictures
from vesalius.data.records import Study

__all__ = ["STEP", "NearDuplicateImages"]


@dataclass(frozen=True, kw_only=True)
class NearDuplicateImages(Step):
    """A study all of whose images are copies of another study's is dropped; which stays is the rule `keep`."""

    bits: int = BITS
    agreement: float = AGREEMENT
    keep: Keep = "richest"

    def prepare(self, stage: Stage) -> Decision:
        """Look at every image and group the studies."""
        names: list[str] = []
        rich: list[tuple[int, int]] = []
        counts: list[int] = []

        def noted() -> Iterator[Study]:
            for study in stage.studies:
                names.append(study.id)
                rich.append(richness(study))
                counts.append(len(study.images))
                yield study

        seen = look(noted(), stage.files, spread=stage.spread)
        near = near_pictures(seen, bits=self.bits, least=self.agreement)
        repeats: dict[str, str] = {}
        for group in clusters(len(names), _whole(near, seen, names, counts)):
            kept = names[group[survivor([names[i] for i in group], [rich[i] for i in group], keep=self.keep)]]
            repeats |= {names[number]: kept for number in group if names[number] != kept}

        def decide(study: Study) -> Outcome:
            if study.id in repeats:
                return Dropped("near-duplicate images", f"of {repeats[study.id]}")
            return study

        return decide


def _whole(
    near: Sequence[Candidate], seen: Seen, names: Sequence[str], counts: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of studies of which all images of the one with fewer are in the other."""
    place: Mapping[str, int] = {name: number for number, name in enumerate(names)}
    matched: dict[tuple[int, int], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for pair in near:
        (one, image), (other, other_image) = seen.of[pair.one], seen.of[pair.other]
        if one != other:
            found = matched[place[one], place[other]]
            found[0].add(image)
            found[1].add(other_image)
    for (one_place, other_place), (images, other_images) in matched.items():
        if min(len(images), len(other_images)) >= min(counts[one_place], counts[other_place]):
            yield one_place, other_place


STEP = NearDuplicateImages
