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
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from measure import save
from vesalius.data.deidentify import Known, Options, Scrubber, Secret
from vesalius.data.deidentify.dataset import Treatment
from vesalius.data.deidentify.masking import boxes_of, finder
from vesalius.data.deidentify.pixel_rules import Expectation
from vesalius.data.deidentify.profile import profile
from vesalius.data.deidentify.text import find
from vesalius.data.deidentify.text.vocabulary import words
from vesalius.metrics.proportions import wilson
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.study import pictures_of
from vesalius.virtual.text.narrative import write_report

REPORTS, HEADERS = 420, 60
GIVEN = ("Oluwaseun", "Marjorie", "Dagmar", "Thibault", "Priyanka", "Ewan", "Liesel", "Ignacio", "Siobhan", "Tadeusz", "Hyacinth",
         "Bartholomew", "Anneliese", "Clotilde", "Rajesh", "Xiomara", "Jane", "Peter", "Maria", "Hans")  # fmt: skip
FAMILY = ("Okonkwo", "Featherstone", "Weissmüller", "Lefèvre", "Raghunathan", "MacAllister", "Brzezinski", "O'Shaughnessy", "Delacroix-Roy",
          "Vandenberg", "Quiñones", "Nakamura", "Baker", "White", "Parkinson", "Schröder", "Ramirez", "Ndiaye", "Kowalczyk", "Young")  # fmt: skip
TOWNS = ("Harrowgate Falls", "Kleinwaldburg", "Saint-Aubry", "Port Lindley", "Oberfeldkirch", "Milbrook")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
GERMAN = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)
FRENCH = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


class Planted(NamedTuple):
    kind: str
    sentence: str
    value: str


def pick(rng: np.random.Generator, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]


def digits(rng: np.random.Generator, count: int) -> str:
    return str(rng.integers(1, 10)) + "".join(str(digit) for digit in rng.integers(0, 10, count - 1))


def plant_name(rng: np.random.Generator) -> Planted:
    given, family = pick(rng, GIVEN), pick(rng, FAMILY)
    forms = (
        (f"Discussed with Dr. {family} by telephone.", family), (f"Electronically signed by: {given} {family}, MD", f"{given} {family}"),
        (f"Referring physician: {given} {family}", f"{given} {family}"), (f"Prof. Dr. med. {family} was informed.", family),
        (f"Mrs. {family} tolerated the procedure well.", family), (f"Dictated by {given[0]}. {family}", family),
        (f"cc: {family}, {given}", f"{family} {given}"), (f"Befundet von: Dr. {given} {family}", f"{given} {family}"),
        (f"Herr {family} wurde aufgeklärt.", family), (f"Madame {family} est adressée pour bilan.", family),
        (f"Reviewed by {given} {family}, M.D.", f"{given} {family}"), (f"Her daughter {given} was present.", given),
        (f"DR {family.upper()} NOTIFIED.", family.upper()), (f"Radiologist: {family.upper()}^{given.upper()}", f"{family.upper()} {given.upper()}"),
    )  # fmt: skip
    sentence, value = forms[int(rng.integers(len(forms)))]
    return Planted("name, told by its context", sentence, value)


def plant_own_name(rng: np.random.Generator, given: str, family: str) -> Planted:
    forms = (
        f"{given} {family} presents again.", f"{family}, {given} was scanned.", f"{family}'s chest is clear.", f"{given[0]}. {family} has improved.",
        f"Findings for {family.upper()}, {given.upper()} follow.", f"{given} was cooperative.", f"Images of {family} {given[0]}. are limited.",
        f"{family.replace('-', ' ')} was repositioned.", f"Patient {family} returned.",
    )  # fmt: skip
    sentence = forms[int(rng.integers(len(forms)))]
    return Planted(
        "name of the patient",
        sentence,
        " ".join(part for part in (given, family) if part.lower() in sentence.lower()),
    )


def plant_date(rng: np.random.Generator) -> Planted:
    day = date(1990, 1, 1) + timedelta(days=int(rng.integers(0, 13000)))
    month, short = MONTHS[day.month - 1], MONTHS[day.month - 1][:3]
    forms = (
        f"{day:%m/%d/%Y}", f"{day.month}/{day.day}/{day:%y}", f"{day:%d.%m.%Y}", f"{day.day}.{day.month}.{day:%Y}", f"{day:%Y-%m-%d}", f"{day:%Y%m%d}",
        f"{month} {day.day}, {day.year}", f"{day.day} {month} {day.year}", f"{day.day:02d}-{short}-{day.year}", f"{short} {day.day}, {day.year}",
        f"{day.day:02d}{short.upper()}{day.year}", f"{month} {day.year}", f"the {day.day}th of {month}", f"{month} {day.day}", f"{day:%m/%Y}",
        f"{day.day}. {GERMAN[day.month - 1]} {day.year}", f"{day.day} {FRENCH[day.month - 1]} {day.year}", f"{day:%d/%m/%Y} at 14:35", f"{day.year}",
        f"{day:%m-%d-%Y}", f"{day.month}/{day.day}", f"{day:%Y/%m/%d}",
    )  # fmt: skip
    value = forms[int(rng.integers(len(forms)))]
    carrier = pick(
        rng,
        (
            "Comparison is made with the study of {}.",
            "Compared to the examination dated {}.",
            "Follow-up since {}.",
            "Prior CT from {} is available.",
        ),
    )
    return Planted("date", carrier.format(value), value)


def plant_number(rng: np.random.Generator) -> Planted:
    number = digits(rng, int(rng.integers(6, 10)))
    forms = (
        (f"MRN: {number}", number), (f"MRN {number[:5]}", number[:5]), (f"Accession number {number}.", number), (f"Acc# RX-{number}", f"RX-{number}"),
        (f"Patient ID {number[:3]}-{number[3:]}", f"{number[:3]}-{number[3:]}"), (f"SSN {number[:3]}-{number[3:5]}-{number[2:6]}", f"{number[:3]}-{number[3:5]}-{number[2:6]}"),
        (f"Fallnummer: {number}", number), (f"Dossier n° {number}", number), (f"Case no. A{number}", f"A{number}"), (f"Record {number} was reviewed.", number),
        (f"Device serial number SN{number}.", f"SN{number}"), (f"Study 1.2.840.113619.2.55.{number}.{number[:4]} was loaded.", f"1.2.840.113619.2.55.{number}.{number[:4]}"),
        (f"Workstation at 10.{number[0]}.{number[1]}.{number[2:4].lstrip('0') or '7'} was used.", f"10.{number[0]}.{number[1]}.{number[2:4].lstrip('0') or '7'}"),
        (f"Licence plate HB-KL {number[:4]}.", f"HB-KL {number[:4]}"), (f"Order {number}.", number),
    )  # fmt: skip
    sentence, value = forms[int(rng.integers(len(forms)))]
    return Planted("number", sentence, value)


def plant_contact(rng: np.random.Generator) -> Planted:
    n = digits(rng, 10)
    forms = (
        f"({n[:3]}) {n[3:6]}-{n[6:]}", f"{n[:3]}-{n[3:6]}-{n[6:]}", f"+49 {n[:3]} {n[3:]}", f"0{n[:3]}/{n[3:9]}", f"{n[:3]}.{n[3:6]}.{n[6:]}",
        f"{pick(rng, GIVEN).lower()}.{n[:2]}@clinic-{n[2:4]}.org", f"https://pacs.example{n[:2]}.com/view?id={n}", f"www.portal{n[:3]}.de", f"0{n[0]} {n[1:3]} {n[3:5]} {n[5:7]} {n[7:9]}",
    )  # fmt: skip
    value = forms[int(rng.integers(len(forms)))]
    return Planted(
        "telephone, mail, address on the net",
        pick(rng, ("Please call {}.", "Results to {}.", "Contact: {}", "Fax {}.")).format(value)
        if "@" not in value and "." not in value[:4]
        else f"Results to {value}.",
        value,
    )


def plant_place(rng: np.random.Generator) -> Planted:
    town, family = pick(rng, TOWNS), pick(rng, ("Waverley", "Thornbury", "Ashdown", "Kellerman"))
    forms = (
        (f"Transferred from {family} General Hospital.", f"{family} General"), (f"Prior images from {family} Medical Center.", family), (f"Lives in {town}.", town),
        (f"Klinikum {town}, Abteilung Radiologie.", town), (f"CHU de {town}, service de radiologie.", town), (f"Seen on Ward {int(rng.integers(2, 30))}B.", "Ward"),
        (f"Address: {int(rng.integers(2, 900))} {family} Street.", f"{family} Street"), (f"Wohnhaft in {town}.", town), (f"Imaged in Room {int(rng.integers(100, 900))}.", "Room"),
        (f"{family} Clinic, {town}.", family), (f"{family}straße {int(rng.integers(1, 99))}, {digits(rng, 5)} {town.split()[0]}", f"{family}straße"),
        (f"St. {pick(rng, GIVEN)} Hospital, Department of Radiology.", "Hospital"),
    )  # fmt: skip
    sentence, value = forms[int(rng.integers(len(forms)))]
    return Planted("place", sentence, value)


def plant_age(rng: np.random.Generator) -> Planted:
    age = str(int(rng.integers(90, 108)))
    forms = (
        f"{age}-year-old patient with cough.",
        f"Aged {age}.",
        f"A {age} y/o man.",
        f"Age: {age}",
        f"{age} year old woman.",
        f"{age}-jähriger Patient.",
        f"Patient âgé de {age} ans.",
        f"{age}F with dyspnea.",
    )
    return Planted("age above 89", forms[int(rng.integers(len(forms)))], age)


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


def measure_pixels(seed: int, images: int, names: tuple[str, ...]) -> dict[str, dict[str, list[bool]]]:
    import matplotlib

    rng = np.random.default_rng(seed)
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = [
        str(folder / name)
        for name in (
            "DejaVuSans.ttf",
            "DejaVuSansMono.ttf",
            "DejaVuSerif.ttf",
            "DejaVuSans-Bold.ttf",
            "STIXGeneral.ttf",
        )
    ]
    sizes = {"chest": 512, "abdomen-ct": 384, "brain-mr": 256, "ultrasound": 512}
    bases = [
        (name, base) for name, size in sizes.items() for base in pictures(seed, name, size, max(1, images // 24))
    ]
    results: dict[str, dict[str, list[bool]]] = {name: defaultdict(list) for name in names}
    for number in range(images):
        kind, base = bases[number % len(bases)]
        shown, glyphs = burned(base, rng, fonts)
        for name in names:
            masked = np.zeros(shown.shape, dtype=bool)
            for box in boxes_of(shown[None], Expectation(kind == "ultrasound", ()), find=finder(name)):
                masked[box.top : box.bottom, box.left : box.right] = True
            for glyph, size, contrast in glyphs:
                found = float(masked[glyph].mean()) >= 0.9
                for group in ("all", f"on {kind}", f"size {size}", f"contrast {contrast}"):
                    results[name][group].append(found)
    for name in names:
        for kind, base in bases:
            boxes = boxes_of(base[None], Expectation(kind == "ultrasound", ()), find=finder(name))
            masked = np.zeros(base.shape, dtype=bool)
            for box in boxes:
                masked[box.top : box.bottom, box.left : box.right] = True
            results[name][f"untouched pixels of clean {kind} images"] += list(
                ~masked.ravel()[:: max(1, masked.size // 400)]
            )
    return results


def pictures(seed: int, preset: str, size: int, count: int) -> Iterator[np.ndarray]:
    for index in range(count):
        picture = pictures_of(draw_patient(seed, index, preset=preset), size)[0]
        pixels = picture.pixels if picture.kind == "image" else picture.pixels[len(picture.pixels) // 2]
        grey = pixels.astype(np.float64).max(axis=-1) if pixels.ndim == 3 else pixels.astype(np.float64)
        yield ((grey - grey.min()) / max(float(np.ptp(grey)), 1e-9) * 255).astype(np.uint8)


def burned(
    base: np.ndarray, rng: np.random.Generator, fonts: list[str]
) -> tuple[np.ndarray, list[tuple[np.ndarray, int, str]]]:
    """Draw up to three lines that do not touch each other; return the image and the pixels of every line."""
    picture, taken, found = base.copy(), np.zeros(base.shape, dtype=bool), []
    for _ in range(3):
        size = int(rng.choice([8, 10, 12, 14, 18, 24, 36]))
        font = ImageFont.truetype(fonts[int(rng.integers(len(fonts)))], size)
        value = pick(
            rng,
            (
                "{f}^{g}",
                "{f}, {g}",
                "ID: {n}",
                "DOB 0{d}/1{d}/195{d}",
                "1{d}.0{d}.2024 1{d}:35",
                "St. {g} Hospital",
                "MRN {n}",
                "Acc A{n}",
            ),
        )
        value = value.format(f=pick(rng, FAMILY), g=pick(rng, GIVEN), n=digits(rng, 8), d=int(rng.integers(1, 9)))
        plate = Image.new("L", (base.shape[1], base.shape[0]))
        pen = ImageDraw.Draw(plate)
        _left, top, right, bottom = pen.textbbox((0, 0), value, font=font)
        if right >= base.shape[1] - 8 or bottom >= base.shape[0] - 8:
            continue
        x = int(rng.integers(2, base.shape[1] - right - 2))
        y = int(rng.choice([2, base.shape[0] - bottom - 4, int(rng.integers(2, base.shape[0] - bottom - 4))]))
        area = (slice(max(0, y + int(top) - 6), y + int(bottom) + 6), slice(max(0, x - 6), x + int(right) + 6))
        if taken[area].any():
            continue
        pen.text((x, y), value, font=font, fill=255)
        cover = np.asarray(plate).astype(np.float64) / 255
        around = float(base[area].mean())
        strength = float(rng.choice([1.0, 0.8, 0.6]))
        ink = 255 * strength if around < 128 else 255 * (1 - strength)
        picture = (picture * (1 - cover) + ink * cover).astype(np.uint8)
        taken[area] = True
        contrast = abs(ink - around)
        group = "below 60" if contrast < 60 else "60 to 120" if contrast < 120 else "above 120"
        found.append((cover > 0.5, size, group))
    return picture, found


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
        print("\n".join(missed), alarms["most taken"])
    names = ("strokes", "ocr") if arguments.ocr else ("strokes",)
    pixels = measure_pixels(arguments.seed, arguments.images, names) if arguments.images else {}
    for name, found in pixels.items():
        print("\n".join([f"### Pixels, finder {name}", "", *rows(found), ""]))
    planted = sum(len(found) for found in (*texts.values(), *headers.values()))
    planted += sum(len(found["all"]) for found in list(pixels.values())[:1])
    print(f"{planted} identifiers planted.")
    tables = {"texts": texts, "headers": headers, **{f"pixels {name}": found for name, found in pixels.items()}}
    figures = {
        part: {kind: [int(sum(found)), len(found)] for kind, found in kinds.items()} for part, kinds in tables.items()
    }
    save("deidentify", {"seed": arguments.seed, "planted": planted, "found": figures, "false_alarms": alarms})


if __name__ == "__main__":
    main()
