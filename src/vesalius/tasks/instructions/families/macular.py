"""Questions about the macula in a tomogram, in two parts: what a table states, and what a specialist's report tells.

After Holland et al. 2024 (RetinaVLM, arXiv 2407.08410), whose questions a language model writes from tables and from
reports; here rules write them from the record. Their rules for prompts hold: no question names its answer, yes and no
stand against each other for everything that is asked, nothing is said to be missing from a report, and where no stage
is known none is asked for. English only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Message
from vesalius.data.records import Study
from vesalius.errors import ConfigError
from vesalius.tasks.instructions.families.asked import Asked

__all__ = [
    "BIOMARKERS", "GUIDELINES", "MODULES", "STAGES", "Macular", "MacularReports", "MacularStaging", "MacularTables",
    "macular_stage", "referral",
]  # fmt: skip

STAGES = ("healthy", "early", "intermediate", "late dry", "late wet inactive", "late wet active")
"""From the least to the most advanced; the most advanced that is seen counts."""
BIOMARKERS = {
    "subretinal_fluid_height": ("subretinal fluid", "a dark space between retina and pigment epithelium"),
    "drusen_height": ("drusen", "deposits that lift the pigment epithelium"),
    "pigment_epithelial_detachment_height": (
        "pigment epithelial detachment", "a dome of the pigment epithelium over a space"
    ),
    "atrophy_width": ("atrophy", "loss of the outer retina, under which light goes deep"),
    "macular_hole_width": ("a macular hole", "a gap through all layers at the fovea"),
}  # fmt: skip
"""Measurement, above 0 where the biomarker is there, to its name and what it looks like."""
GUIDELINES = (
    "Stages from least to most advanced; the most advanced that is seen counts. healthy: no sign of degeneration. "
    "early: medium drusen. intermediate: large drusen or pigment change. late dry: atrophy. late wet inactive: new "
    "vessels without fluid. late wet active: new vessels with fluid."
)
MODULES = (
    "biomarkers with guidelines", "specific", "general", "staging introduction", "staging logic",
    "referral reasoning", "report writing", "full report writing", "staging with guidelines", "staging",
)  # fmt: skip
"""Of the second part, in the order in which their questions are numbered."""

_DISEASE = "age_related_macular_degeneration"
_REASONS = {
    "healthy": "there is no sign of degeneration",
    "early": "drusen are of medium size and nothing more advanced is seen",
    "intermediate": "there are large drusen or changes of the pigment and no late form",
    "late dry": "there is atrophy and there are no new vessels",
    "late wet inactive": "there are new vessels, and fluid is absent",
    "late wet active": "there are new vessels with fluid",
}
_REFERRALS = {
    "urgent": "Refer within two weeks, because there is fluid.",
    "routine": "Refer routinely, because there is degeneration without fluid.",
    "none": "No referral is needed, because the macula is healthy.",
}
_WHICH = "Which stage of age-related macular degeneration is most likely?"
_ASKED = {
    "presence": ("Is {name} shown?", "Can {name} be seen in the scan?", "Does the scan show {name}?"),
    "sex": ("Which sex is on the patient's record?", "Is the patient a man or a woman?"),
    "age": ("In which decade of life is the patient?", "How old is the patient, by decades?"),
    "side": ("Which eye is scanned?", "Of which side is the eye?"),
    "drusen": ("How large are the drusen?", "Of which size are the drusen?"),
    "sign": ("What is the main sign?", "Which sign stands out?"),
    "general": ("Describe the scan.", "What does the scan show?"),
    "is_stage": ("Is this the stage {name}?", "Would you call this stage {name}?"),
    "logic": ("Explain the stage.", "What speaks for the stage that you see?"),
    "referral": ("Should the patient be referred?", "What should be done next, and why?"),
    "short": ("Write a short report.", "Sum the scan up as a specialist would."),
    "full": ("Write the whole report, with stage and referral.", "Report the scan, its stage and what follows."),
}


def macular_stage(study: Study) -> str:
    """Return the stage of a study, or nothing where its record states none.

    Healthy is an eye without any finding; what has another disease of the macula and no degeneration has no stage.
    """
    for finding in study.findings:
        if finding.concept == _DISEASE and finding.status == "present":
            attributes = dict(finding.attributes)
            stage = attributes.get("stage", "")
            if stage == "late wet":
                stage += " active" if attributes.get("fluid") == "present" else " inactive"
            return stage if stage in STAGES else ""
    return STAGES[0] if study.status("no_finding") == "present" else ""


def referral(study: Study) -> str:
    """Return "urgent" for any fluid, "routine" for degeneration without it, "none" for health, or nothing."""
    stage, wet = macular_stage(study), dict(_biomarkers(study)).get("subretinal_fluid_height", False)
    if wet or stage == STAGES[-1] or study.status("macular_oedema") == "present":
        return "urgent"
    return "" if not stage else "none" if stage == STAGES[0] else "routine"


@dataclass(frozen=True, kw_only=True)
class Macular(Asked):
    """A family that words its questions itself."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """None: its words are not those of templates."""
        if self.language != "en":
            raise ConfigError(f"{self.name} is worded in English alone, not in {self.language!r}")
        return ()

    def asking(self, scene: Scene, question: str, answer: str) -> Conversation:
        """Return one question about the first image of the study."""
        media = scene.media(scene.study.main_image)
        messages = (
            Message(role="user", parts=(media, f"\n{question}")),
            Message(role="assistant", parts=(answer,)),
        )
        return self.finished(scene, messages)


@dataclass(frozen=True, kw_only=True)
class MacularTables(Macular):
    """The first part: what tables state of very many scans."""

    name: str = "macular_tables"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return presence of each biomarker, as many yes as no, and what else the table holds."""
        return [Spot(place, key, kind) for place, key, kind, _ in _table(study)]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for one value of the table."""
        _, key, kind, answer = next(row for row in _table(scene.study) if row[0] == spot.place)
        name = BIOMARKERS[key][0] if kind else ""
        question = _drawn(scene, "presence" if kind else key).format(name=name)
        return self.asking(scene, question, answer)


@dataclass(frozen=True, kw_only=True)
class MacularReports(Macular):
    """The second part: ten modules of what a specialist's report teaches, see `MODULES`."""

    name: str = "macular_reports"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return what each module finds to ask."""
        return [spot for module in range(len(MODULES)) for spot in _of_module(study, module)]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Put a question of the module that the spot is of."""
        study, module = scene.study, spot.place // 100
        stage = macular_stage(study)
        if module == 0:
            name, look = BIOMARKERS[spot.key.split("/")[1]]
            question = f"{name.capitalize()}: {look}. {_drawn(scene, 'presence').format(name=name)}"
            return self.asking(scene, question, spot.kind)
        if module == 3:
            return self.asking(scene, _drawn(scene, "is_stage").format(name=spot.key.split("/")[1]), spot.kind)
        if module >= 8:
            return self.asking(scene, _staging(guided=module == 8), stage)
        key, answer = _told(study, spot)
        return self.asking(scene, _drawn(scene, key), answer)


@dataclass(frozen=True, kw_only=True)
class MacularStaging(Macular):
    """The stage out of the list of stages, for scoring; guided: with the guidelines in the question."""

    name: str = "macular_staging"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return one spot for a study of known stage."""
        return [Spot(0)] if macular_stage(study) else []

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for the stage."""
        return self.asking(scene, _staging(guided=self.name.endswith("guided")), macular_stage(scene.study))


def _staging(*, guided: bool) -> str:
    before = f"{GUIDELINES} " if guided else ""
    return f"{before}{_WHICH} Choose one of: {', '.join(STAGES)}."


def _drawn(scene: Scene, key: str) -> str:
    wordings = _ASKED[key]
    return wordings[int(scene.rng.integers(len(wordings)))]


def _biomarkers(study: Study) -> Iterator[tuple[str, bool]]:
    """Yield the biomarkers that are measured, and whether they are there."""
    for name in BIOMARKERS:
        found = [one.value for one in study.measurements if one.name == name]
        if found:
            yield name, max(found) > 0


def _table(study: Study) -> Iterator[tuple[int, str, str, str]]:
    """Yield place, key, kind and answer of every value that the table of a study holds."""
    if not study.images:
        return
    for place, (name, there) in enumerate(_biomarkers(study)):
        answer = "yes" if there else "no"
        yield place, name, answer, answer
    sex = {"F": "a woman", "M": "a man"}.get(study.sex or "", "")
    decade = "" if study.age_years is None else _decade(study.age_years)
    for place, (key, answer) in enumerate((("sex", sex), ("age", decade), ("side", study.main_image.laterality))):
        if answer:
            yield 50 + place, key, "", answer


def _decade(age_years: float) -> str:
    first = int(age_years) // 10 * 10
    return f"{first} to {first + 9}"


def _of_module(study: Study, module: int) -> Iterator[Spot]:
    """Yield the spots of a module; their places begin at a hundred times its number."""
    start, stage = 100 * module, macular_stage(study)
    if not study.images or not study.text("findings"):
        return
    if module == 0:
        for place, (name, there) in enumerate(_biomarkers(study)):
            yield Spot(start + place, f"guided/{name}", "yes" if there else "no")
    elif module == 3 and stage:
        for place, other in enumerate(STAGES):
            yield Spot(start + place, f"stage/{other}", "yes" if other == stage else "no")
    elif module == 1:
        yield from (
            Spot(start + place, key) for place, key in enumerate(("drusen", "sign")) if _attribute(study, key)
        )
    elif module in (2, 6):
        yield from [Spot(start)] if study.text("findings" if module == 2 else "impression") else []
    elif module == 5:
        yield from [Spot(start)] if referral(study) else []
    elif stage:
        yield Spot(start)


def _told(study: Study, spot: Spot) -> tuple[str, str]:
    """Return how a text of a module is asked for, and the text."""
    stage, after = macular_stage(study), _REFERRALS.get(referral(study), "")
    key, answer = {
        1: (spot.key, _attribute(study, spot.key)),
        2: ("general", study.text("findings")),
        4: ("logic", f"The stage is {stage}, because {_REASONS.get(stage, '')}."),
        5: ("referral", after),
        6: ("short", study.text("impression")),
        7: ("full", f"{study.text('findings')} The stage is {stage}. {after}"),
    }[spot.place // 100]
    return key, answer


def _attribute(study: Study, key: str) -> str:
    stated = [dict(one.attributes) for one in study.findings if one.concept == _DISEASE and one.status == "present"]
    return stated[0].get(key, "") if stated else ""
