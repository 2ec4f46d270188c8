"""A result as one HTML page that needs no network: charts with plotly, whose code is in the page, and tables.

Everything that a strategy's author or a file could have named is escaped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from tickwright.base.errors import UsageError
from tickwright.report.statistics import Statistics, statistics
from tickwright.report.summary import percent, plain, rows, span
from tickwright.run.backtest.result import Result

#: Rows of the table of trips; the rest is in the JSON.
TRIPS_SHOWN = 500
_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #1d2733; margin: 2rem auto; max-width: 1100px; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; } .dim { color: #6b7785; }
table { border-collapse: collapse; } td, th { padding: 0.15rem 1rem 0.15rem 0; text-align: left; vertical-align: top; }
.figures { columns: 2; } .num td { font-variant-numeric: tabular-nums; } .win { color: #0a7d4b; } .loss { color: #b3261e; }
"""


def page(results: Sequence[Result]) -> str:
    """One result, or several side by side."""
    try:
        import plotly.graph_objects as charts  # noqa: PLC0415 (optional, and slow to load)
        from plotly.io import to_html  # noqa: PLC0415 (the same)
    except ImportError:
        raise UsageError("the report needs plotly", hint="pip install 'tickwright[research]'") from None
    found = [statistics(result) for result in results]
    title = " and ".join(f"{result.stamp.strategy} on {', '.join(result.symbols)}" for result in results)
    parts = [f"<h1>{escape(title)}</h1>", _when(results[0])]
    parts.append(_figures(results, found))
    figures = [_equity(charts, results), *[_price(charts, result) for result in results], _trips(charts, results)]
    for number, figure in enumerate(figures):
        figure.update_layout(template="plotly_white", margin={"l": 60, "r": 20, "t": 40, "b": 40}, legend={"orientation": "h"})
        parts.append(to_html(figure, full_html=False, include_plotlyjs=number == 0))
    for result, one in zip(results, found, strict=True):
        parts += _tables(result, one)
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>\n"


def _at(at_ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ns / 1e9, dt.UTC)


def _when(result: Result) -> str:
    return f'<p class="dim">{_at(result.start_ns):%Y-%m-%d %H:%M} to {_at(result.end_ns):%Y-%m-%d %H:%M} UTC</p>'


def _figures(results: Sequence[Result], found: Sequence[Statistics]) -> str:
    columns = [rows(result, one) for result, one in zip(results, found, strict=True)]
    lines = []
    for place, (name, _) in enumerate(columns[0]):
        cells = "".join(f"<td>{escape(column[place][1])}</td>" for column in columns)
        lines.append(f'<tr><td class="dim">{escape(name)}</td>{cells}</tr>')
    head = ""
    if len(results) > 1:
        head = "<tr><th></th>" + "".join(f"<th>{escape(_label(result))}</th>" for result in results) + "</tr>"
    return f'<table class="num">{head}{"".join(lines)}</table>'


def _label(result: Result) -> str:
    params = ", ".join(f"{name}={value}" for name, value in result.stamp.params.items())
    return f"{result.stamp.strategy}({params})"


def _equity(charts: Any, results: Sequence[Result]) -> Any:
    from plotly.subplots import make_subplots  # noqa: PLC0415 (optional, and slow to load)

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06)
    for result in results:
        times = [_at(point.at_ns) for point in result.curve]
        values = [point.equity for point in result.curve]
        figure.add_trace(charts.Scatter(x=times, y=values, name=f"equity {_label(result)}", mode="lines"), row=1, col=1)
        peak, below = values[0], []
        for value in values:
            peak = max(peak, value)
            below.append(100 * (value / peak - 1) if peak else 0.0)
        figure.add_trace(charts.Scatter(x=times, y=below, name="drawdown, %", fill="tozeroy", mode="lines"), row=2, col=1)
    first = results[0]
    base = [first.curve[0].equity * point.price / first.curve[0].price for point in first.curve]
    held = charts.Scatter(x=[_at(point.at_ns) for point in first.curve], y=base, name="buy and hold", line={"dash": "dot"})
    figure.add_trace(held, row=1, col=1)
    figure.update_layout(title=f"Equity in {first.currency}, and how far below its peak", height=560)
    return figure


def _price(charts: Any, result: Result) -> Any:
    figure = charts.Figure()
    price = charts.Scatter(
        x=[_at(point.at_ns) for point in result.curve], y=[point.price for point in result.curve], name="price"
    )
    figure.add_trace(price)
    for side, symbol, colour in (("buy", "triangle-up", "#0a7d4b"), ("sell", "triangle-down", "#b3261e")):
        fills = [fill for fill in result.fills if fill.side == side]
        text = [f"{fill.qty:g} at {fill.price:g}, {'maker' if fill.maker else 'taker'}, {fill.client_id}" for fill in fills]
        marks = {"symbol": symbol, "size": 9, "color": colour}
        where = {"x": [_at(fill.at_ns) for fill in fills], "y": [fill.price for fill in fills]}
        figure.add_trace(charts.Scatter(**where, mode="markers", marker=marks, name=side, text=text))
    times: list[dt.datetime | None] = []
    prices: list[float | None] = []
    for order in result.orders:
        level = order.price if order.price is not None else order.stop
        if level is not None:
            times += [_at(order.sent_ns), _at(order.ended_ns or result.end_ns), None]
            prices += [level, level, None]
    figure.add_trace(
        charts.Scatter(x=times, y=prices, mode="lines", name="working orders", line={"width": 1, "color": "#8792a0"})
    )
    figure.update_layout(title=f"{result.symbols[0]}, executions and working orders", height=460)
    return figure


def _trips(charts: Any, results: Sequence[Result]) -> Any:
    figure = charts.Figure()
    for result in results:
        values = [trip.pnl for trip in result.trips]
        figure.add_trace(charts.Histogram(x=values, name=_label(result), nbinsx=60, opacity=0.7))
    figure.update_layout(title=f"Profit of each trip in {results[0].currency}", barmode="overlay", height=320)
    return figure


def _tables(result: Result, found: Statistics) -> list[str]:
    stamp = result.stamp
    about = [
        ("strategy", f"{stamp.strategy} {stamp.strategy_digest[:12]}"),
        ("parameters", ", ".join(f"{name}={value}" for name, value in stamp.params.items()) or "none"),
        ("data", stamp.data),
        ("checksum", stamp.data_checksum),
        ("gaps in the data", str(result.gaps)),
        ("version", f"{stamp.version}, build {stamp.build}, seed {stamp.seed}"),
        ("digest of the result", stamp.digest),
    ]
    parts = ["<h2>By month</h2>", _table(("month", "return"), [(name, percent(value)) for name, value in found.by_month.items()])]
    if found.by_hour:
        parts += ["<h2>By hour of entry (UTC)</h2>"]
        parts += [_table(("hour", "profit"), [(name, plain(value)) for name, value in found.by_hour.items()])]
        parts += ["<h2>By side</h2>", _table(("side", "profit"), [(name, plain(value)) for name, value in found.by_side.items()])]
    parts += ["<h2>Trips</h2>", _trip_table(result)]
    parts += ["<h2>Assumptions</h2>", _table(("", ""), result.assumptions.items())]
    parts += ["<h2>What this was made from</h2>", _table(("", ""), about)]
    if result.notes:
        parts += ["<h2>Notes</h2>", _table(("",), [(note,) for note in result.notes[:50]])]
    return parts


def _trip_table(result: Result) -> str:
    lines = [
        (
            f"{_at(trip.entered_ns):%Y-%m-%d %H:%M:%S}",
            span((trip.left_ns - trip.entered_ns) / 1e9),
            trip.side,
            f"{trip.qty:g}",
            f"{trip.entry:,.2f}",
            f"{trip.exit:,.2f}",
            f"{trip.fees:,.2f}",
            f"{trip.pnl:+,.2f}",
        )
        for trip in result.trips[:TRIPS_SHOWN]
    ]
    more = len(result.trips) - len(lines)
    text = f'<p class="dim">and {more} more, in the JSON</p>' if more > 0 else ""
    return _table(("entered", "held", "side", "quantity", "entry", "exit", "fees", "profit"), lines) + text


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head) if any(head) else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f'<table class="num"><tr>{top}</tr>{body}</table>'
