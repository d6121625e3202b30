"""CheXalign: a report generator that learns from its own reports, ranked by a judge that has the reference.

Paper: Hein et al., ACL 2025 (preprint 2024), arXiv 2410.07025. Code: StanfordMIMI/CheXalign, Apache-2.0.
New: pairs without experts: of four sampled reports the best and the worst by a judge, learnt by five direct alignment
algorithms (DPO, IPO, KTO, ORPO, R-DPO); reports on length exploitation and on metrics that never judged.
Differs here: any model stands in for CheXagent-2-3b, a judge by rules for GREEN; both sides of a pair are always in
one batch, also for KTO, whose authors' code shuffles them one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.methods._preferring import PreferringConfig, PreferringMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "CheXalign", "CheXalignConfig", "build"]

_GREEN = "GREEN on MIMIC-CXR up to +57.4 % over the supervised model, of all algorithms"


def _raises(algorithm: str) -> Claim:
    """Say that an algorithm raises the judge, against supervised training that goes on for as many rows."""
    return Claim(
        name=algorithm,
        sentence=f"A report model's own reports, ranked by a judge and learnt by {algorithm.upper()}, make those of "
        "unseen patients truer than more supervised training does.",
        factor="what is learnt after the supervised stage: pairs, or the reports again",
        on={"method.algorithm": algorithm, "stages.alignment.supervised": False},
        off={"method.algorithm": "dpo", "stages.alignment.supervised": True},
        task="corpus.reports",
        metric="fact_f1",
        label="all",
        published=_GREEN,
        control=PositiveControl(
            sentence="Every other training report tells nothing: a model that imitates them tells nothing, too, and "
            "the judge prefers those of its reports that tell what is there.",
            data=ClaimData(plant="half_told"),
        ),
    )


PAPER = Paper(
    slug="chexalign",
    title="CheXalign: Preference fine-tuning in chest X-ray interpretation models without human feedback",
    year=2025,
    arxiv="2410.07025",
    venue="ACL 2025",
    code="StanfordMIMI/CheXalign, Apache-2.0",
    claims=tuple(_raises(algorithm) for algorithm in ("dpo", "ipo", "kto", "orpo", "r-dpo")),
)


@dataclass(frozen=True, kw_only=True)
class CheXalignConfig(PreferringConfig):
    """Settings: those of the algorithm; how reports are sampled and judged stands with the source of pairs."""


class CheXalign(PreferringMethod):
    """Prefers the report that the judge prefers."""

    settings: CheXalignConfig


METHOD, SETTINGS = CheXalign, CheXalignConfig


def build(settings: CheXalignConfig, model: VisionLanguageModel) -> CheXalign:
    """Build the method on a vision-language model."""
    return CheXalign(settings, model)
