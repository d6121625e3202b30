"""Texts: a table of lines with what must be left, and what must not be touched."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from vesalius.data.deidentify import Known, Scrubber, Secret
from vesalius.data.deidentify.text import find
from vesalius.data.deidentify.text.dates import shifted

JANE = Known(persons=("DOE-SMITH^JANE^M", "MÜLLER^Jörg"), numbers=("00451234",), places=("St. Mary Hospital",))

REPLACED = """
Dr. Baker was informed. => Dr. [NAME] was informed.
Dr Smith agrees. => Dr [NAME] agrees.
Dr. J. R. Baker agrees. => Dr. [NAME] agrees.
Prof. Dr. med. Schröder => Prof. Dr. med. [NAME]
Mrs. White tolerated it. => Mrs. [NAME] tolerated it.
Mr. Brown's chest. => Mr. [NAME]'s chest.
Frau Weber => Frau [NAME]
Herr von der Heyde => Herr [NAME]
Madame Lefèvre => Madame [NAME]
Sarah O'Neill, MD => [NAME], MD
John A. Young, M.D. => [NAME], M.D.
Electronically signed by: Sarah K. Jones => Electronically signed by: [NAME]
Dictated by E. Young => Dictated by [NAME]
cc: Lefèvre, Oluwaseun => cc: [NAME]
Referring physician: Dagmar Young => Referring physician: [NAME]
Radiologist: DOE^JOHN => Radiologist: [NAME]
Discussed with Priya Raman at noon. => Discussed with [NAME] at noon.
gez. Dr. Klein => gez. Dr. [NAME]
Unterschrift: Karl Heinz => Unterschrift: [NAME]
Signé par: Dupont => Signé par: [NAME]
Her daughter Clotilde called. => Her daughter [NAME] called.
Jane Doe-Smith returned. => [NAME] returned.
Doe Smith returned. => [NAME] returned.
J. Doe-Smith returned. => [NAME] returned.
Images of Mueller => Images of [NAME]
Images of Muller => Images of [NAME]
Jorg was calm. => [NAME] was calm.
Peter Andersson was seen. => [NAME] was seen.
Seen on 03/15/2021. => Seen on [DATE].
Seen on 3/5/21. => Seen on [DATE].
on 15.03.2021 => on [DATE]
on 5.3.2021 => on [DATE]
on 2021-03-15 => on [DATE]
on 2021/03/15 => on [DATE]
on 20210315 => on [DATE]
on 2021-03-15T10:35:22 => on [DATE]
on March 15, 2021 => on [DATE]
on Mar 15 2021 => on [DATE]
on 15 March 2021 => on [DATE]
on 15-Mar-2021 => on [DATE]
on 15MAR2021 => on [DATE]
on March 15th => on [DATE]
the 15th of March => the [DATE]
in March 2021 => in [DATE]
in 03/2021 => in [DATE]
compared to 3/15 => compared to [DATE]
am 15.3. => am [DATE]
am 15. März 2021 => am [DATE]
le 15 mars 2021 => le [DATE]
le 1er mars 2021 => le [DATE]
since 2019 => since [DATE]
at 10:35 AM => at [TIME]
um 10.35 Uhr => um [TIME]
à 14h30 => à [TIME]
MRN: 1234567 => MRN: [ID]
MRN 12345 => MRN [ID]
Patient ID 123-4567 => Patient ID [ID]
Accession number RX-123456. => Accession number [ID].
Acc# A200312 => Acc# [ID]
SSN 123-45-6789 => SSN [ID]
Case no. A1234567 => Case no. [ID]
Fallnummer: 1234567 => Fallnummer: [ID]
Dossier n° 1234567 => Dossier n° [ID]
Record 00451234 => Record [ID]
Serial number SN123456 => Serial number [ID]
study 1.2.840.113619.2.55.3 => study [ID]
node 10.12.4.7 => node [ID]
plate HB-KL 1234 => plate [ID]
call (555) 123-4567 => call [PHONE]
call 555-123-4567 => call [PHONE]
call +49 761 1234567 => call [PHONE]
call 0761/123456 => call [PHONE]
appeler 01 23 45 67 89 => appeler [PHONE]
mail jane.doe@clinic.org now => mail [EMAIL] now
see https://pacs.clinic.org/x?id=3 => see [URL]
see www.clinic.de => see [URL]
Transferred from Thornbury General Hospital. => Transferred from [PLACE].
from St. Mary Hospital => from [PLACE]
from ST MARY HOSPITAL => from [PLACE]
Universitätsklinikum Heidelberg => [PLACE]
CHU de Lyon => [PLACE]
Ward 7B => [PLACE]
Room 412 => [PLACE]
12 Oak Street => [PLACE]
Lindenstraße 12 => [PLACE]
12 rue de la Paix => [PLACE]
Boston, MA 02115 => [PLACE]
Lives in Springfield. => Lives in [PLACE].
Wohnhaft in Port Lindley. => Wohnhaft in [PLACE].
A 93-year-old man => A [AGE]-year-old man
aged 91. => aged [AGE].
age: 101 => age: [AGE]
a 95 y/o man => a [AGE] y/o man
92-jährige Patientin => [AGE]-jährige Patientin
âgé de 97 ans => âgé de [AGE] ans
"""

KEPT = """
Parkinson disease with Lewy bodies.
Hodgkin lymphoma, Ann Arbor stage II.
Foley catheter and Swan-Ganz catheter in place.
Baker cyst in the right knee.
Graves disease.
Kerley B lines.
May represent atelectasis.
White matter lesions.
Brown tumour of the mandible.
Rose in signal intensity.
Mild degenerative change T12/L1 and L4-5.
2/6 systolic murmur.
Strength 5/5 in all groups.
3/4 of the lobe is affected.
BP 120/80, SpO2 98%.
Nodule of 12 x 9 mm, previously 10 x 8 mm.
Series 4, image 120/240.
A 45-year-old woman with cough.
Aged 89.
HU values between 20 and 45.
12:00 position of the left breast.
C5-C6 disc protrusion.
Grade 3/4 chondromalacia.
SUV max 3.5, previously 4.2.
ASPECTS 8/10.
Dose 2000 mGy*cm.
The Couinaud segment VI.
Left upper lobe, right lower lobe.
No pneumothorax. No pleural effusion.
Keine Stauung, kein Erguss.
Pas d'épanchement pleural.
The tip of the PICC line projects over the SVC.
Cobb angle of 35 degrees.
Bosniak II cyst.
LAD 70% stenosis, RCA 30% stenosis.
T2 hyperintense lesion, 5 mm.
"""


@pytest.mark.parametrize("line", list(REPLACED.strip().splitlines()))
def test_what_identifies_is_replaced(line: str) -> None:
    given, expected = line.split(" => ")
    assert Scrubber().scrub(given, JANE).text == expected


@pytest.mark.parametrize("line", KEPT.strip().splitlines())
def test_what_is_clinical_stays(line: str) -> None:
    assert Scrubber().scrub(line, JANE).text == line


def test_the_tables_have_enough_lines() -> None:
    assert len(REPLACED.strip().splitlines()) + len(KEPT.strip().splitlines()) >= 125


def test_a_name_that_is_an_ordinary_word_goes_where_it_is_a_name() -> None:
    known = Known(persons=("WHITE^ROSE",))
    scrub = Scrubber().scrub
    assert scrub("White was seen. White matter is normal; white matter too.", known).text == (
        "[NAME] was seen. White matter is normal; white matter too."
    )


# 15 March + 20 days = 4 April; 2020 is a leap year: 28 February + 1 = 29 February, + 2 = 1 March.
@pytest.mark.parametrize(
    ("date", "days", "expected"),
    [
        ("03/15/2021", 20, "04/04/2021"),
        ("15.03.2021", 20, "04.04.2021"),
        ("2021-03-15", 20, "2021-04-04"),
        ("20210315", 20, "20210404"),
        ("March 15, 2021", 20, "April 4, 2021"),
        ("15-Mar-2021", 20, "04-Apr-2021"),
        ("15MAR2021", 20, "04APR2021"),
        ("15. März 2021", 20, "4. April 2021"),
        ("15 mars 2021", 20, "4 avril 2021"),
        ("02/28/2020", 1, "02/29/2020"),
        ("02/28/2020", 2, "03/01/2020"),
        ("12/31/1999", 1, "01/01/2000"),
        ("3/15/21", -15, "2/28/21"),
        ("March 2021", 20, None),
        ("02/30/2021", 1, None),
    ],
)
def test_dates_move_in_their_own_form(date: str, days: int, expected: str | None) -> None:
    assert shifted(date, days, day_first=False) == expected


def test_day_first_reads_the_day_first() -> None:
    assert shifted("03/04/2020", 1, day_first=True) == "04/04/2020"
    assert shifted("03/04/2020", 1, day_first=False) == "03/05/2020"


def test_dictionaries_add_names_and_places() -> None:
    scrubber = Scrubber(names=("Zorblax",), places=("Quuxville",))
    assert scrubber.scrub("zorblax of quuxville").text == "[NAME] of [PLACE]"
    assert find("zorblax of quuxville") == []


def test_invented_values_are_the_same_for_the_same_value_and_secret() -> None:
    one = Scrubber(secret=Secret(b"a" * 32), surrogates=True)
    text = "Dr. Okonkwo and Dr. Okonkwo, MRN: 1234567"
    new = one.scrub(text).text
    first, second = new.removeprefix("Dr. ").split(",")[0].split(" and Dr. ")
    assert first == second != "Okonkwo"
    assert one.scrub(text).text == new
    assert "1234567" not in new


def test_a_name_on_the_border_of_two_pieces_is_found() -> None:
    for before in range(1950, 2010):
        text = "x " * (before // 2) + "Dr. Okonkwo left."
        assert "Okonkwo" not in Scrubber().scrub(text).text


def test_a_text_is_read_in_time_that_grows_with_its_length() -> None:
    import time

    started = time.perf_counter()
    Scrubber().scrub("A" * 20_000 + " " + "Aa " * 5_000 + "1/" * 5_000)
    assert time.perf_counter() - started < 10


MARK = re.compile(r"\[\[(\w+)\|(.*?)\]\]", re.DOTALL)


def planted(sentence: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a sentence without its marks, and where its planted values stand."""
    pieces, places, at, length = [], [], 0, 0
    for match in MARK.finditer(sentence):
        pieces += [sentence[at : match.start()], match[2]]
        length += match.start() - at
        places.append((length, length + len(match[2])))
        length, at = length + len(match[2]), match.end()
    return "".join(pieces) + sentence[at:], places


@pytest.mark.parametrize(
    ("part", "count", "least"), [("first", 119, 117), ("second", 110, 107), ("third", 67, 66), ("fourth", 91, 88)]
)
def test_sentences_as_people_write_them(part: str, count: int, least: int) -> None:
    """The least numbers are those reached; what is still missed is told with the measured recall."""
    sentences = yaml.safe_load((Path(__file__).parent / "sentences.yaml").read_text(encoding="utf-8"))[part]
    found = []
    for sentence in sentences:
        text, places = planted(sentence)
        covered = {at for span in find(text) for at in range(span.start, span.end)}
        for start, end in places:
            words = re.finditer(r"\w{2,}", text[start:end])
            telling = [word for word in words if word.group().lower() not in TITLES]
            found.append(
                all({*range(start + word.start(), start + word.end())} <= covered for word in telling if word)
            )
    assert len(found) == count
    assert sum(found) >= least


TITLES = {"dr", "prof", "mr", "mrs", "ms", "frau", "md", "pr", "mme", "drs", "dres", "med", "priv", "doz", "rn",
          "nurse",
          "sister", "of", "the", "de", "and", "ext", "den", "ipp", "jährige", "year", "old", "yo", "ans", "ninety",
          "monsieur", "madame"}  # fmt: skip
"""Words of planted values that identify nobody."""


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("He works for Quandril in the docks.", ["NAME"]),
        ("We met in Zanzoria with her aunt.", ["PLACE"]),
        ("Bartolph denies any pain.", ["NAME"]),
        ("Zellic's wound is dry.", ["NAME"]),
        ("The lesion was seen by Ondrasek.", ["NAME"]),
        ("The patient has Ormond disease and takes Omeprazole.", []),
        ("PaCO2 and GGOs are shown on the left in Figure 2.", []),
        ("Die Blutung im Thalamus ist mit Sicherheit neu.", []),
        ("GALLBLADDER: Contracted with a thick wall.", []),
        ("Operated on the third of May nineteen eighty-two.", ["DATE"]),
        ("Seen on Boxing Day.", ["DATE"]),
        ("The daughter is ninety-one, temperature ninety-one degrees.", ["AGE"]),
    ],
)
def test_what_nothing_announces(text: str, kinds: list[str]) -> None:
    assert [span.kind for span in find(text)] == kinds


def test_clinical_sentences_stay() -> None:
    sentences = yaml.safe_load((Path(__file__).parent / "sentences.yaml").read_text(encoding="utf-8"))["clinical"]
    taken = [sentence for sentence in sentences if find(sentence)]
    assert len(sentences) == 49
    # "Sister Mary Joseph nodule" looks like a nun, "See Series" like somebody who was seen; nobody knows of Onuf.
    assert [text for text in taken if not any(word in text for word in ("Sister", "See Series", "Onuf"))] == []
