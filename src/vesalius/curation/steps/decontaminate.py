"""Drop training studies that share something with other corpora, such as the benchmarks that a model is judged by."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from vesalius.curation.base import Decision, Dropped, Outcome, Stage, Step
from vesalius.curation.leakage import AuditSettings, Kind, Match, shared_with
from vesalius.curation.parts import open_part
from vesalius.data.records import Study

__all__ = ["STEP", "Decontaminate"]


@dataclass(frozen=True, kw_only=True)
class Decontaminate(Step):
    """Studies that the leakage audit matches with a study of the other corpora go."""

    against: tuple[str, ...]
    """Folders of corpora, or FOLDER:PART."""
    kinds: tuple[Kind, ...] = ("study", "patient", "file", "pixels", "near_image", "report", "near_report")
    settings: AuditSettings = field(default_factory=AuditSettings)

    def prepare(self, stage: Stage) -> Decision:
        """Audit the stage against each corpus."""
        shared: dict[str, list[tuple[str, Match]]] = defaultdict(list)
        for name in self.against:
            for match in shared_with(stage.studies, stage.files, open_part(name), settings=self.settings):
                if match.kind in self.kinds:
                    shared[match.train].append((name, match))

        def decide(study: Study) -> Outcome:
            if study.id in shared:
                name, match = shared[study.id][0]
                return Dropped(f"shared {match.kind}", f"with {match.test} of {name}")
            return study

        return decide


STEP = Decontaminate
