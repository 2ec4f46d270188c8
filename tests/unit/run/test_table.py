"""The live table shows what there is, and takes nothing that a strategy says for markup."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys

import msgspec
import pytest
from rich.console import Console

from tickwright.run.table import Status, render, show

STATUS = Status(
    strategy="Cross",
    prices={"BTC/USDT": "61,250.5", "ETH/USDT": "none yet"},
    positions={"BTC/USDT": "0.01", "ETH/USDT": "0"},
    ages_s={"BTC/USDT": 0.25, "ETH/USDT": None},
    equity="100,000.00 USDT",
    armed=True,
    orders=["one"],
    sent=12,
    fills=7,
    refusals={"risk.collar": 2, "risk.duplicate": 5},
    reconnects=3,
    frames=33_758,
    accounts_down=[],
    halts=[],
    watched={"fast": "1.5"},
)


def shown(status: Status) -> str:
    """As plain text."""
    text = io.StringIO()
    Console(file=text, width=120).print(render(status))
    return text.getvalue()


def test_given_a_status_when_drawn_then_everything_is_on_it() -> None:
    """Price, position, age, equity, orders, fills, connections, refusals with their sentence."""
    text = shown(STATUS)
    for part in ("Cross: armed", "61,250.5", "0.01", "0.2 s", "down", "100,000.00 USDT", "12 sent, 1 open, 7 fills, 7 refused"):
        assert part in text
    assert "33,758 messages, 3 reconnects" in text
    assert text.index("refused 5 ×: The same order was sent") < text.index("refused 2 ×: The price is too far")


def test_given_trouble_when_drawn_then_it_is_said() -> None:
    """Not armed, an account that is down, a halt."""
    text = shown(
        msgspec.structs.replace(
            STATUS, armed=False, accounts_down=["binance_spot"], halts=["account PULL: Orders are being pulled."]
        )
    )
    assert "Cross: not armed" in text
    assert "the account of binance_spot is not connected" in text
    assert "account PULL: Orders are being pulled." in text


def test_given_markup_in_what_a_strategy_shows_when_drawn_then_it_is_text() -> None:
    """Brackets are brackets."""
    watched = {"[bold]x[/bold]": "[red]1[/red]", "[/nonsense]": "[/]"}
    text = shown(msgspec.structs.replace(STATUS, strategy="[b]S[/b]", watched=watched))
    for part in (*watched, *watched.values(), "[b]S[/b]"):
        assert part in text


def test_given_many_values_when_drawn_then_the_table_stays_short() -> None:
    """A terminal has so many lines."""
    many = {f"name{number}": "1" for number in range(100)}
    assert len(shown(msgspec.structs.replace(STATUS, watched=many, halts=list(many))).splitlines()) < 30


class Screen(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


def test_given_a_terminal_when_shown_then_the_table_is_drawn_there_and_removed_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Log lines written meanwhile are kept; stdout is not touched."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")

    async def story() -> None:
        looked = asyncio.Event()

        def take() -> Status:
            looked.set()
            return STATUS

        task = asyncio.create_task(show(take, quiet=False))
        await looked.wait()
        await asyncio.sleep(0)
        sys.stderr.write("a log line\n")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert sys.stderr is screen
    assert "61,250.5" in screen.getvalue()
    assert "a log line" in screen.getvalue()


def test_given_quiet_when_shown_then_nothing_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    """It waits to be cancelled."""

    def take() -> Status:
        raise AssertionError("looked at")

    async def story() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await show(take, quiet=True)

    asyncio.run(story())
    assert capsys.readouterr() == ("", "")
