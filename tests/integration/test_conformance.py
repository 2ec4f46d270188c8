"""Every venue that Tickwright ships is one by the suite that defines it: the adapter on its stand, the simulated one, the example."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tickwright.run.conformance import CHECKS, Bench, Subject, run_check
from tickwright.run.subjects import FileSubject, SimSubject, StandSubject

EXAMPLE = Path(__file__).parents[2] / "examples" / "07_custom_venue.py"
DEADLINE_S = 30

SUBJECTS: dict[str, Callable[[], Subject]] = {
    "binance_spot-hmac": lambda: StandSubject("hmac"),
    "binance_spot-ed25519": lambda: StandSubject("ed25519"),
    "binance_spot-rsa": lambda: StandSubject("rsa"),
    "sim": SimSubject,
    "custom": lambda: FileSubject(EXAMPLE),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SUBJECTS)
def test_given_a_venue_when_it_is_checked_then_it_does_what_a_venue_must(
    name: str, check: Callable[[Bench], Awaitable[None]]
) -> None:
    """One check on one fresh venue: passed, or about something that the venue does not offer."""

    async def story() -> None:
        async with asyncio.timeout(DEADLINE_S):
            result = await run_check(SUBJECTS[name](), check)
        assert result.verdict != "failed", result.detail

    asyncio.run(story())
