"""Sample messages by path, pretty-printed as stored or compact as the venue sends them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2] / "fixtures" / "binance_spot"


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    """``sample("ws_public/trade_raw")``: the message without white space, fields in order."""

    def read(name: str) -> bytes:
        return msgspec.json.format((ROOT / f"{name}.json").read_bytes(), indent=-1)

    return read


@pytest.fixture(scope="session")
def sample_paths() -> dict[str, list[Path]]:
    """Every sample message, by folder."""
    return {folder.name: sorted(folder.glob("*.json")) for folder in ROOT.iterdir() if folder.is_dir()}


@pytest.fixture(scope="session")
def vectors() -> dict[str, object]:
    """The signature vectors and the book synchronisation case."""
    loaded: dict[str, object] = json.loads((ROOT / "test_vectors.json").read_text())
    return loaded
