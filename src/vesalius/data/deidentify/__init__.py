"""De-identification of DICOM, pictures, volumes, tables and reports by PS3.15 Annex E; what is in doubt goes.

secret = Secret.create("hospital.secret")
audit = deidentify("archive", out="clean", secret=secret, options=Options(modified_dates=True))
assert audit.clean
"""

from __future__ import annotations

from vesalius.data.deidentify.audit import Audit
from vesalius.data.deidentify.options import Options, options_from
from vesalius.data.deidentify.run import deidentify
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.tables import TableColumns
from vesalius.data.deidentify.text import Known, Scrubber

__all__ = ["Audit", "Known", "Options", "Scrubber", "Secret", "TableColumns", "deidentify", "options_from"]
