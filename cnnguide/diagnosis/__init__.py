"""Why a call fails, and repairs that were tried."""

from __future__ import annotations

from cnnguide.diagnosis.diagnosing import diagnose
from cnnguide.diagnosis.meanings import cause_meanings
from cnnguide.diagnosis.notes import (
    explain_errors,
    load_ipython_extension,
    unload_ipython_extension,
)
from cnnguide.diagnosis.repairs import Fix
from cnnguide.diagnosis.report import Diagnosis, Doubt, Passage

__all__ = [
    "Diagnosis",
    "Doubt",
    "Fix",
    "Passage",
    "cause_meanings",
    "diagnose",
    "explain_errors",
    "load_ipython_extension",
    "unload_ipython_extension",
]
