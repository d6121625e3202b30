"""Are we making progress by medical adaptation? Pairs of an adapted model and its base, asked closed questions.

Paper: Jeong et al., EMNLP 2024, arXiv 2411.04118. Code: taekb/eval-medical-dapt, no licence file.
New: every model is asked in the prompt that suits it best on validation items, chosen from a grammar of formats, and
a win is a paired interval above 0, not a higher number (`vesalius.evaluation.win_tie_loss`).
Differs here: the beginning of the answer ends the question's turn, since a reply begins after it. Options of closed
questions that are not yes or no are read from the question by a rule; the authors wrote them by hand.
"""

from __future__ import annotations

from pathlib import Path

from vesalius.benchmarks._adaptation import TEXT_PARTS, VISUAL_PARTS, AdaptationStudy
from vesalius.benchmarks.base import Published
from vesalius.paper import Paper

__all__ = ["BENCHMARK", "PAPER", "MedicalAdaptationProgress"]

PAPER = Paper(
    slug="medical-adaptation-progress",
    title="Medical Adaptation of Large Language and Vision-Language Models: Are We Making Progress?",
    year=2024,
    arxiv="2411.04118",
    venue="EMNLP 2024",
    code="taekb/eval-medical-dapt, no licence file",
)
_SOURCE = "arXiv 2411.04118, abstract: medical language models against their bases, 3-shot"


class MedicalAdaptationProgress(AdaptationStudy):
    """Thirteen data sets in text and eight with pictures."""

    name = "medical_adaptation_progress"
    suite = (*TEXT_PARTS, *VISUAL_PARTS)
    parts = tuple(part.name for part in suite)
    visual = frozenset(part.name for part in VISUAL_PARTS)
    published = tuple(
        Published(model="seven medical language models", metric=metric, part="text", value=value, source=_SOURCE)
        for metric, value in (("wins", 0.121), ("ties", 0.498), ("losses", 0.382))
    )

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the layout of every data set of the suite."""
        self.write_data_sets(root, patients=patients, seed=seed)


BENCHMARK = MedicalAdaptationProgress()
