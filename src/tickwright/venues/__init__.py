"""Adapters, one folder a venue: ``wire.py`` translates, ``adapter.py`` connects, ``rules.py`` is what the venue can do.

A venue is named by the folder it is in; nothing is imported until it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType

from tickwright.base.errors import UsageError
from tickwright.base.suggest import near_or_list

#: Name of a venue to the module that speaks it.
#: Each offers ``NAME``, ``CAPS``, ``URLS``, ``Decoder`` and ``Adapter(config, clock, chance)``.
VENUES: Mapping[str, str] = MappingProxyType({"binance_spot": "tickwright.venues.binance_spot"})


def load(name: str) -> ModuleType:
    """The module of a venue; a name that is not one is a :class:`UsageError` with the nearest ones."""
    path = VENUES.get(name)
    if path is None:
        raise UsageError(f"{name!r} is not a venue", hint=near_or_list(name, VENUES))
    return import_module(path)
