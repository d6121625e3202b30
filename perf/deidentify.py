"""De-identification: how many planted identifiers are found, by kind, and how many clinical words are taken for one.

Identifiers of many forms are put into virtual reports, into headers of DICOM files (standard, private and nested
elements) and into the pixels of virtual images. A planted one counts as found when nothing of it is left. Rules were
mended on other seeds than the one that is reported. Prints Markdown; `--seed` names another seed, `--images` the number
of images, `--ocr` measures the network's finder beside our own.
"""

# ruff: noqa: E501 - one planted form beside the other
from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from _deidentify_pixels import measure_pixels
from _deidentify_plants import (
    FAMILY,
    GIVEN,
    Planted,
    digits,
    pick,
    plant_age,
    plant_contact,
    plant_date,
    plant_name,
    plant_number,
    plant_own_name,
    plant_place,
)  # fmt: skip
from measure import save
from vesalius.data.deidentify import Known, Options, Scrubber, Secret
from vesalius.data.deidentify.dataset import Treatment
from vesalius.data.deidentify.profile import profile
from vesalius.data.deidentify.text import find
from vesalius.data.deidentify.text.vocabulary import words
from vesalius.metrics.proportions import wilson
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.narrative import write_report

REPORTS, HEADERS = 420, 60
PLANTERS: tuple[Callable[[np.random.Generator], Planted], ...] = (
    plant_name, plant_date, plant_date, plant_number, plant_contact, plant_place, plant_age,
)  # fmt: skip


def is_gone(value: str, text: str) -> bool:
    """Say whether no word or number of a planted value is left; two characters and more count."""
    parts = [
        part
        for part in re.split(r"[\s,^]+", value)
        if len(part.strip(".")) > 1 and part.lower() not in ("the", "of", "at")
    ]
    return not any(re.search(rf"(?<!\w){re.escape(part.strip('.'))}(?!\w)", text, re.IGNORECASE) for part in parts)


def reports(seed: int, count: int) -> Iterator[list[str]]:
    for index in range(count):
        patient = draw_patient(seed, index, preset=("chest", "abdomen-ct", "brain-mr", "ultrasound")[index % 4])
        report = write_report(patient)
        yield [sentence.text for sentence in (*report.findings, *report.impression)]


def measure_texts(seed: int) -> tuple[dict[str, list[bool]], dict[str, Any], list[str]]:
    rng = np.random.default_rng(seed)
    results: dict[str, list[bool]] = defaultdict(list)
    scrubber, missed = Scrubber(), []
    alarms, total, taken = 0, 0, Counter[str]()
    for sentences in reports(seed, REPORTS):
        given, family = pick(rng, GIVEN), pick(rng, FAMILY)
        plants = [PLANTERS[int(rng.integers(len(PLANTERS)))](rng) for _ in range(9)] + [
            plant_own_name(rng, given, family)
        ]
        lines = list(sentences)
        for plant in plants:
            lines.insert(int(rng.integers(0, len(lines) + 1)), plant.sentence)
        known = Known(persons=(f"{family}^{given}",))
        for plant in plants:
            at = lines.index(plant.sentence)
            text = "\n".join(lines[max(0, at - 1) : at + 2])
            new = scrubber.scrub(text, known).text
            rest = "\n".join([*lines[max(0, at - 1) : at], *lines[at + 1 : at + 2]])
            value = " ".join(part for part in plant.value.split() if is_gone(part, rest))
            gone = is_gone(value, new)
            results[plant.kind].append(gone)
            missed += [] if gone else [f"{plant.kind}: {plant.sentence}"]
        clean = "\n".join(sentences)
        found = find(clean)
        alarms += sum(len(clean[span.start : span.end].split()) for span in found)
        taken.update(clean[span.start : span.end] for span in found)
        total += len(clean.split())
    eponyms = sorted(words("eponyms"))
    patterns = ("{} disease is suspected.", "No {} sign.", "Known {} syndrome.", "{} classification grade 2.")
    lost = sum(bool(find(pattern.format(name.capitalize()))) for name in eponyms for pattern in patterns)
    figures = {
        "clinical words": total, "taken": alarms, "per 1000 words": round(1000 * alarms / total, 3), "most taken": taken.most_common(8),
        "sentences with an eponym": len(eponyms) * len(patterns), "eponyms taken": lost,
    }  # fmt: skip
    return results, figures, missed


def measure_headers(seed: int) -> dict[str, list[bool]]:
    """Plant marks in every text, name, number and date element of the table, in private and in nested elements."""
    from pydicom import Dataset, dcmwrite
    from pydicom.datadict import dictionary_VR
    from pydicom.dataset import FileMetaDataset
    from pydicom.sequence import Sequence

    rng = np.random.default_rng(seed)
    listed = [int(tag, 16) for tag in profile() if "x" not in tag and tag != "private"]
    kinds = {"LO", "SH", "ST", "LT", "UT", "UC", "PN", "DA", "UI"}
    tags = [tag for tag in listed if dictionary_VR(tag) in kinds and tag >> 16 not in (0, 2, 4)]
    results: dict[str, list[bool]] = defaultdict(list)
    secret = Secret(bytes(range(32)))

    def mark(vr: str) -> str:
        if vr == "DA":
            return (date(1930, 1, 1) + timedelta(days=int(rng.integers(0, 30000)))).strftime("%Y%m%d")
        return f"1.2.3.{digits(rng, 12)}" if vr == "UI" else f"Q{digits(rng, 9)}Z"

    for _ in range(HEADERS):
        top, planted = Dataset(), []
        top.PatientID, top.PatientName, top.Modality = f"Q{digits(rng, 9)}Z", f"Qua{digits(rng, 6)}z^Jane", "CT"
        top.SOPClassUID, top.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{digits(rng, 12)}"
        for depth in range(3):
            where = top if depth == 0 else Dataset()
            for tag in rng.choice(tags, 14, replace=False):
                vr = dictionary_VR(int(tag))
                value = mark(vr)
                where.add_new(int(tag), vr, value)
                planted.append(("standard element" if depth == 0 else f"nested {depth} deep", value))
            block = where.private_block(0x0011 + 2 * depth, "MAKER X", create=True)
            for element in range(3):
                value = mark("LO")
                block.add_new(element, "LO", value)
                planted.append(("private element", value))
            if depth:
                holder = top
                for _ in range(depth - 1):
                    holder = holder.ReferencedSeriesSequence[0]
                holder.ReferencedSeriesSequence = Sequence([where])
        for keyword in ("ImageComments", "StudyDescription", "SoftwareVersions", "ConvolutionKernel", "SequenceName"):
            setattr(top, keyword, f"{top.PatientID}"[:16])
        planted.append(("repeated in another element", str(top.PatientID)))
        Treatment.of(top, options=Options(), secret=secret).treat(top)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.1.2.1", top.SOPInstanceUID
        buffer = BytesIO()
        top.file_meta = meta
        dcmwrite(buffer, top, enforce_file_format=True)
        for kind, value in planted:
            results[kind].append(value.encode() not in buffer.getvalue())
    return results


_TITLES = (
    "dr prof mr mrs ms miss frau herr md pr mme drs dres med priv doz rn nurse sister professor practitioner father "
    "baby oa pc pfleger st of the a de and madame monsieur jr ipp ext den year years yr yo old ans jährige jähriger st4"
)
TITLES = frozenset(_TITLES.split())
"""Words inside planted values that identify nobody."""
SENTENCES = Path(__file__).parents[1] / "tests" / "data" / "deidentify"


def marked(sentence: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Return a sentence without its marks, and start, end and kind of what they stand around."""
    text, at, places = "", 0, []
    for match in re.finditer(r"\[\[(\w+)\|(.*?)\]\]", sentence, re.DOTALL):
        text += sentence[at : match.start()]
        places.append((len(text), len(text) + len(match[2]), match[1]))
        text, at = text + match[2], match.end()
    return text + sentence[at:], places


def is_taken(text: str, place: tuple[int, int, str], taken: set[int]) -> bool:
    """Say whether every telling word of a marked place is among the characters that were found."""
    start, end, kind = place
    split = r"\d+|[^\W\d]+" if kind == "AGE" else r"\w+"
    telling = [word for word in re.finditer(split, text[start:end]) if word.group().lower() not in TITLES]
    return all({*range(start + word.start(), start + word.end())} <= taken for word in telling)


def measure_sentences(name: str, parts: tuple[str, ...]) -> tuple[dict[str, list[bool]], dict[str, Any], list[str]]:
    """Measure on sentences as people write them, see the head of their file; then words of clinical sentences."""
    document = yaml.safe_load((SENTENCES / name).read_text(encoding="utf-8"))
    results: dict[str, list[bool]] = defaultdict(list)
    missed = []
    for part in parts:
        for text, places in map(marked, document[part]):
            taken = {index for span in find(text) for index in range(span.start, span.end)}
            for place in places:
                whole = is_taken(text, place, taken)
                missed += [] if whole else [f"{place[2]}: {text[slice(*place[:2])]} | {text}"]
                for group in (f"{part}, all", f"{part}, {place[2]}"):
                    results[group].append(whole)
    clinical = document["clinical"]
    lost = [text[span.start : span.end] for text in clinical for span in find(text)]
    figures = {
        "clinical words": sum(len(text.split()) for text in clinical),
        "taken": sum(len(value.split()) for value in lost),
    }
    return results, figures, [*missed, *(f"taken: {value}" for value in lost)]


def rows(results: dict[str, list[bool]]) -> list[str]:
    lines = ["| kind | planted | found | 95 % interval |", "|---|---|---|---|"]
    for kind, found in sorted(results.items()):
        low, high = interval(sum(found), len(found))
        lines.append(f"| {kind} | {len(found)} | {sum(found) / len(found):.4f} | {low:.4f} to {high:.4f} |")
    return lines


def interval(hits: int, count: int) -> tuple[float, float]:
    found = wilson(hits, count)
    return float(found[0]), float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--ocr", action="store_true")
    parser.add_argument("--missed", action="store_true", help="print what was missed in texts, for mending")
    arguments = parser.parse_known_args()[0]
    texts, alarms, missed = measure_texts(arguments.seed)
    headers = measure_headers(arguments.seed)
    print("\n".join(["### Texts", "", *rows(texts), "", "### Headers", "", *rows(headers), ""]))
    print(f"False alarms: {alarms['taken']} of {alarms['clinical words']} clinical words ({alarms['per 1000 words']} per 1000); "
          f"{alarms['eponyms taken']} of {alarms['sentences with an eponym']} sentences with an eponym.\n")  # fmt: skip
    if arguments.missed:
        print(
            "\n".join([*missed, *measure_sentences("sentences.yaml", ("third", "fourth"))[2]]), alarms["most taken"]
        )
    held_out, told, _ = measure_sentences("held_out.yaml", ("sentences",))
    mended, _, _ = measure_sentences("sentences.yaml", ("first", "second", "third", "fourth"))
    print("\n".join(["### Sentences as people write them, by which no rule was mended", "", *rows(held_out), ""]))
    print(f"False alarms: {told['taken']} of {told['clinical words']} words of clinical sentences beside them.\n")
    print("\n".join(["### Sentences by which rules were mended", "", *rows(mended), ""]))
    pixels, untouched = measure_pixels(arguments.seed, arguments.images, network=arguments.ocr)
    for name, found in pixels.items():
        print("\n".join([f"### Pixels: {name}", "", *rows(found), ""]))
        print(
            "Clean pixels left untouched: "
            + ", ".join(f"{kind} {part:.3f}" for kind, part in untouched[name].items())
            + ".\n"
        )
    planted = sum(len(found) for found in (*texts.values(), *headers.values(), *held_out.values(), *mended.values()))
    planted += sum(len(found[f"{way}, all"]) for found in list(pixels.values())[:1] for way in ("level", "upright"))
    print(f"{planted} identifiers planted.")
    tables = {
        "texts": texts,
        "headers": headers,
        "sentences": held_out,
        "sentences by which rules were mended": mended,
        **{f"pixels {name}": found for name, found in pixels.items()},
    }
    figures = {
        part: {kind: [int(sum(found)), len(found)] for kind, found in kinds.items()} for part, kinds in tables.items()
    }
    save(
        "deidentify",
        {
            "seed": arguments.seed,
            "planted": planted,
            "found": figures,
            "false_alarms": {**alarms, "clinical sentences": told},
            "untouched": untouched,
        },
    )


if __name__ == "__main__":
    main()
