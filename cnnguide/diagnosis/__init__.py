"""Why a call fails, and repairs that were tried."""

from __future__ import annotations

from cnnguide.diagnosis.diagnose import diagnose
from cnnguide.diagnosis.repairs import Fix
from cnnguide.diagnosis.report import Diagnosis, Doubt

__all__ = ["Diagnosis", "Doubt", "Fix", "diagnose"]
