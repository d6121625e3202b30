"""Notes of virtual patients in the layouts of `vesalius.benchmarks._notes`; every answer stands in its note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from vesalius.benchmarks._notes import DISEASES, folder_of
from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.data.releases.exams import padded_options, stated, text_questions
from vesalius.data.releases.twins import QUESTION_FAMILIES, digest, identity, write_json, write_json_lines
from vesalius.virtual.twin import virtual_patients

__all__ = ["write_notes"]

_SENSES: Mapping[str, Mapping[str, str]] = {
    "RA": {"rheumatoid arthritis": "The joints are swollen, RA is treated.", "right atrium": "The RA is enlarged.",
           "room air": "Saturation is 97 % on RA."},
    "PE": {"pulmonary embolus;pulmonary embolism": "A clot in the artery, PE was treated.",
           "physical exam": "On PE the lungs are clear."},
    "MS": {"multiple sclerosis": "Lesions of the white matter, known MS.", "mental status": "MS is alert.",
           "mitral stenosis": "A narrow valve, MS on ultrasound.", "morphine sulfate": "Pain eased by MS 2 mg."},
}  # fmt: skip
_STATES = {"Y": "Known {disease}.", "N": "No {disease}.", "Q": "Possible {disease}, not confirmed."}


def write_notes(root: Path, *, patients: int, seed: int) -> None:
    """Write EHRNoteQA, the obesity challenge and the two sets of senses."""
    with virtual_patients(
        "chest", patients=patients, seed=seed, image_size=64, questions=3.0, families=QUESTION_FAMILIES
    ) as corpus:
        notes = {study.id: _note(study) for _, study in identity(corpus)}
        _write_questions(corpus, root / "ehrnoteqa" / "EHRNoteQA_processed.jsonl")
    for disease in DISEASES:
        rows = [_judged(name, note, disease) for name, note in notes.items()]
        cut = max(1, len(rows) * 3 // 5)
        _write_arrow(root / folder_of(f"obesity_{disease}"), {"train": rows[:cut], "test": rows[cut:]})
    for part in ("casi_sense", "mimic_iii_sense"):
        folder = root / folder_of(part)
        snippets = [_snippet(part, name) for name in notes]
        third = max(1, len(snippets) // 3)
        found = {"train": snippets[:third], "val": snippets[third : 2 * third], "test": snippets[2 * third :]}
        _write_arrow(folder, found)
        write_json(folder / "sf_lf_map.json", {short: list(senses) for short, senses in _SENSES.items()})


def _note(study: Study) -> str:
    states = {disease: list(_STATES)[int(digest(study.id, disease), 16) % 3] for disease in DISEASES}
    history = " ".join(_STATES[state].format(disease=disease) for disease, state in states.items())
    return f"Discharge summary of a virtual patient. History: {history} {stated(study)}"


def _judged(name: str, note: str, disease: str) -> dict[str, Any]:
    label = next(state for state, words in _STATES.items() if words.format(disease=disease) in note)
    return {"id": name, "text": note, "label": label}


def _snippet(part: str, name: str) -> dict[str, str]:
    pairs = [(short, sense) for short, senses in _SENSES.items() for sense in senses]
    short, sense = pairs[int(digest(part, name), 16) % len(pairs)]
    return {
        "sf": short,
        "target_lf_sense": sense,
        "context": f"Virtual note. {_SENSES[short][sense]} Follow-up planned.",
    }


def _write_questions(corpus: Corpus, path: Path) -> None:
    found = list(text_questions(corpus))
    everything = [asked for _, _, asked in found]
    rows: list[dict[str, Any]] = []
    for place, (study, _, asked) in enumerate(found):
        options = padded_options(asked, everything, 5, seed=f"{place}")
        rows.append({
            "category": "level2" if place % 10 == 9 else "level1", "patient_id": study.patient,
            "note_1": _note(study), "note_2": "A second note of this patient." if place % 2 else "", "note_3": "",
            "question": asked.question, "answer": "ABCDE"[options.index(asked.answer)],
            **{f"choice_{letter}": option for letter, option in zip("ABCDE", options, strict=True)},
        })  # fmt: skip
    write_json_lines(path, rows)


def _write_arrow(folder: Path, splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for split, rows in splits.items():
        table = pa.Table.from_pylist([dict(row) for row in rows])
        path = folder / split / "data-00000-of-00001.arrow"
        path.parent.mkdir(parents=True)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    write_json(folder / "dataset_dict.json", {"splits": list(splits)})
