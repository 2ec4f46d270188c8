"""Every target by its name."""

from __future__ import annotations

from fuzz import files, stand, venue
from fuzz.target import Target

TARGETS: dict[str, Target] = {target.name: target for target in (*venue.TARGETS, *stand.TARGETS, *files.TARGETS)}
