"""Identifiers of many forms with sentences around them, for measuring de-identification."""

# ruff: noqa: E501 - one planted form beside the other
from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

__all__ = [
    "FAMILY", "GIVEN", "Planted", "digits", "pick", "plant_age", "plant_contact", "plant_date", "plant_name", "plant_number",
    "plant_own_name", "plant_place",
]  # fmt: skip

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
