"""Published rules by name: how each release scores replies, its slips kept, so that its figures can be reproduced."""

from __future__ import annotations

from collections.abc import Mapping

from vesalius.tasks.answers.rules.alike import OMNIMED_QA, PMCVQA, PMCVQA_TE
from vesalius.tasks.answers.rules.base import Rule
from vesalius.tasks.answers.rules.letters import DEEPTUMORVQA, MEDICONFUSION, MEDQ_BENCH, TEMMED
from vesalius.tasks.answers.rules.llava_med import BEFORE_FIX, LLAVA_MED
from vesalius.tasks.answers.rules.lmms_slake import LMMS_SLAKE
from vesalius.tasks.answers.rules.medevalkit import MEDEVALKIT, MEDEVALKIT_SLAKE
from vesalius.tasks.answers.rules.medical_adaptation import MEDICAL_ADAPTATION
from vesalius.tasks.answers.rules.mmmu import MMMU
from vesalius.tasks.answers.rules.sets import MEDREGA, SET_RECALL
from vesalius.tasks.answers.rules.smmile import SMMILE, SMMILE_MEDGEMMA, SMMILE_MEDVLM_R1, SMMILE_QWEN
from vesalius.tasks.answers.rules.vlmevalkit import VLMEVALKIT
from vesalius.tasks.answers.rules.words import HEAD, SURE_VQA, TOKEN_F1

__all__ = ["RULES"]

RULES: Mapping[str, Rule] = {
    "llava_med": LLAVA_MED,
    "llava_med_prefix2023": BEFORE_FIX,
    "medevalkit": MEDEVALKIT,
    "medevalkit_slake": MEDEVALKIT_SLAKE,
    "mmmu": MMMU,
    "medical_adaptation": MEDICAL_ADAPTATION,
    "lmms_slake": LMMS_SLAKE,
    "vlmevalkit": VLMEVALKIT,
    "omnimed_qa": OMNIMED_QA,
    "pmcvqa": PMCVQA,
    "pmcvqa_te": PMCVQA_TE,
    "set_recall": SET_RECALL,
    "medrega": MEDREGA,
    "token_f1": TOKEN_F1,
    "sure_vqa": SURE_VQA,
    "head": HEAD,
    "smmile": SMMILE,
    "smmile_qwen": SMMILE_QWEN,
    "smmile_medgemma": SMMILE_MEDGEMMA,
    "smmile_medvlm_r1": SMMILE_MEDVLM_R1,
    "mediconfusion": MEDICONFUSION,
    "medq_bench": MEDQ_BENCH,
    "deeptumorvqa": DEEPTUMORVQA,
    "temmed": TEMMED,
}
