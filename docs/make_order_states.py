"""Draw docs/order-states.svg from the order table: ``python docs/make_order_states.py``. A test keeps the file current."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from xml.sax.saxutils import escape

from tickwright.orders.machine import ROWS, Evidence, Request, Row, Status, next_state

TARGET = Path(__file__).with_name("order-states.svg")

State = tuple[Status, Request, bool]
Box = tuple[int, int]  # centre

WIDTH = 1240
BOX_W, BOX_H = 166, 64
TABLE_TOP = 660
LINE = 19

#: Groups of evidence that the table of rows names in one word.
GROUPS = tuple(
    (name, frozenset(item for item in Evidence if item.name.startswith(prefix)))
    for name, prefix in (
        ("any fill", "FILL_"),
        ("any report", "REPORT_"),
        ("any answer to a cancel", "CANCEL_"),
        ("any answer to an amend", "AMEND_"),
    )
)

TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>'
)

#: Where each state stands. A state that the table reaches and that has no place here stops the script.
PLACES: dict[State, Box] = {
    (Status.NEW, Request.SUBMIT, False): (110, 300),
    (Status.NEW, Request.SUBMIT, True): (110, 500),
    (Status.LIVE, Request.AMEND, False): (470, 120),
    (Status.LIVE, Request.NONE, False): (470, 300),
    (Status.LIVE, Request.CANCEL, False): (470, 480),
    (Status.LIVE, Request.AMEND, True): (800, 120),
    (Status.LIVE, Request.NONE, True): (800, 300),
    (Status.LIVE, Request.CANCEL, True): (800, 480),
    (Status.DONE, Request.NONE, False): (1130, 300),
}
FRAME = (370, 62, 530, 490)  # around the LIVE states

#: How far an arrow bows to its left, where the usual bow would cross a box.
BOWS: dict[tuple[State, State], int] = {
    ((Status.LIVE, Request.AMEND, False), (Status.LIVE, Request.CANCEL, False)): 190,
    ((Status.LIVE, Request.AMEND, True), (Status.LIVE, Request.CANCEL, True)): -205,
    ((Status.NEW, Request.SUBMIT, False), (Status.DONE, Request.NONE, False)): 520,
    ((Status.NEW, Request.SUBMIT, True), (Status.DONE, Request.NONE, False)): -400,
    ((Status.DONE, Request.NONE, False), (Status.LIVE, Request.NONE, False)): 470,
    ((Status.NEW, Request.SUBMIT, False), (Status.LIVE, Request.NONE, True)): -150,
    ((Status.NEW, Request.SUBMIT, True), (Status.LIVE, Request.NONE, True)): 60,
}
USUAL_BOW = 26


def edges() -> tuple[dict[tuple[State, State], list[int]], dict[State, list[int]]]:
    """Row numbers for each pair of different states, and for each state those that leave it as it is."""
    start: State = (Status.NEW, Request.SUBMIT, False)
    moves: dict[tuple[State, State], set[int]] = defaultdict(set)
    stays: dict[State, set[int]] = defaultdict(set)
    seen, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for evidence in Evidence:
            row = next_state(*state, evidence)
            if row is None:
                continue
            then = _after(state, row)
            if then == state:
                stays[state].add(row.number)
                continue
            moves[state, then].add(row.number)
            if then not in seen:
                seen.add(then)
                todo.append(then)
    assert seen == set(PLACES), "every state that can be reached has a place in the picture"
    return (
        {pair: sorted(moves[pair]) for pair in sorted(moves)},
        {state: sorted(stays[state]) for state in sorted(stays)},
    )


def _after(state: State, row: Row) -> State:
    status, request, doubt = state
    return (
        status if row.to_status is None else row.to_status,
        request if row.to_request is None else row.to_request,
        doubt if row.to_doubt is None else row.to_doubt,
    )


def draw() -> str:
    """The whole picture as SVG text."""
    moves, stays = edges()
    ordered = sorted(ROWS, key=lambda row: row.number)
    height = TABLE_TOP + LINE * (len(ordered) + 3)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        "<title>The states of an order, and the evidence that moves it</title>",
        TIP,
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _frame(),
    ]
    to_done: dict[int, set[bool]] = defaultdict(set)
    for (source, target), numbers in moves.items():
        if source[0] is Status.LIVE and target[0] is Status.DONE:
            for number in numbers:
                to_done[number].add(source[2])
        else:
            parts.append(_arrow(source, target, _numbers(numbers)))
    parts.append(_all_live_to_done(to_done))
    parts += [_box(state, stays.get(state, [])) for state in PLACES]
    parts += _table(ordered)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _numbers(numbers: list[int]) -> str:
    return " ".join(str(number) for number in numbers)


def _frame() -> str:
    x, y, w, h = FRAME
    return (
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="10" fill="#f6f8fa" stroke="#ccc"/>'
        f'<text x="{x + 12}" y="{y + h - 12}" fill="#777">LIVE: the venue has the order</text>'
    )


def _box(state: State, stays: list[int]) -> str:
    status, request, doubt = state
    x, y = PLACES[state]
    fill = "#fff3d6" if doubt else "#e3f1e4" if status is Status.DONE else "#fff"
    dash = ' stroke-dasharray="5 3"' if doubt else ""
    name = status.name if request is Request.NONE else f"{status.name}, {request.name}"
    left, top = x - BOX_W // 2, y - BOX_H // 2
    return (
        f'<rect x="{left}" y="{top}" width="{BOX_W}" height="{BOX_H}" rx="8" fill="{fill}" stroke="#333"{dash}/>'
        f'<text x="{x}" y="{y - 11}" text-anchor="middle" font-weight="bold">{name}</text>'
        f'<text x="{x}" y="{y + 6}" text-anchor="middle">{"in doubt" if doubt else ""}</text>'
        f'<text x="{x}" y="{y + 24}" text-anchor="middle" font-size="9" fill="#777">stays: {_numbers(stays) or "–"}</text>'
    )


def _arrow(source: State, target: State, label: str) -> str:
    (x1, y1), (x2, y2) = PLACES[source], PLACES[target]
    bow = BOWS.get((source, target), USUAL_BOW)
    length = math.hypot(x2 - x1, y2 - y1)
    bend_x = (x1 + x2) / 2 + (y2 - y1) / length * bow
    bend_y = (y1 + y2) / 2 - (x2 - x1) / length * bow
    sx, sy = _border(x1, y1, bend_x, bend_y)
    ex, ey = _border(x2, y2, bend_x, bend_y)
    middle_x, middle_y = (sx + 2 * bend_x + ex) / 4, (sy + 2 * bend_y + ey) / 4
    path = f"M{sx:.0f} {sy:.0f}Q{bend_x:.0f} {bend_y:.0f} {ex:.0f} {ey:.0f}"
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>{_label(middle_x, middle_y, label)}'


def _border(x: int, y: int, towards_x: float, towards_y: float) -> tuple[float, float]:
    """Where the line from the middle of a box towards a point leaves the box."""
    dx, dy = towards_x - x, towards_y - y
    scale = min(
        (BOX_W / 2 + 2) / abs(dx) if dx else math.inf,
        (BOX_H / 2 + 2) / abs(dy) if dy else math.inf,
    )
    return x + dx * scale, y + dy * scale


def _label(x: float, y: float, text: str) -> str:
    width = 8 * len(text) + 6
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - 9:.0f}" width="{width}" height="17" rx="4" fill="#fff" fill-opacity="0.9"/>'
        f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" fill="#124">{escape(text)}</text>'
    )


def _all_live_to_done(to_done: dict[int, set[bool]]) -> str:
    """One arrow from the frame for what ends an order in any LIVE state."""
    always = [number for number, doubts in sorted(to_done.items()) if doubts == {False, True}]
    in_doubt = [number for number, doubts in sorted(to_done.items()) if doubts == {True}]
    x = FRAME[0] + FRAME[2]
    _, y = PLACES[Status.DONE, Request.NONE, False]
    end = PLACES[Status.DONE, Request.NONE, False][0] - BOX_W // 2 - 2
    return (
        f'<path d="M{x} {y}H{end}" fill="none" stroke="#555" marker-end="url(#tip)"/>'
        f"{_label((x + end) / 2, y - 14, _numbers(always))}"
        f"{_label((x + end) / 2, y + 15, f'in doubt: {_numbers(in_doubt)}')}"
    )


def _table(rows: list[Row]) -> list[str]:
    columns = (30, 70, 250, 640, 850)
    lines = [_line(TABLE_TOP, columns, ("#", "from", "evidence", "to", "note"), bold=True)]
    for place, row in enumerate(rows):
        cells = (str(row.number), _from(row), _evidence(row), _to(row), _note(row))
        lines.append(_line(TABLE_TOP + LINE * (place + 1), columns, cells))
    foot = "* = any, – = none. A number that appears twice is one rule with two cases. From 24 on: races that 1 to 23 leave open."
    lines.append(_line(TABLE_TOP + LINE * (len(rows) + 2), (30,), (foot,)))
    return lines


def _line(y: int, columns: tuple[int, ...], cells: tuple[str, ...], *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return "".join(f'<text x="{x}" y="{y}"{weight}>{escape(cell)}</text>' for x, cell in zip(columns, cells, strict=True))


def _evidence(row: Row) -> str:
    """The texts of the evidence; a whole group by its name."""
    left = set(row.evidence)
    words = []
    for name, group in GROUPS:
        if group <= left:
            words.append(name)
            left -= group
    words += [item.text for item in row.evidence if item in left]
    return " · ".join(words)


def _from(row: Row) -> str:
    if row.status is Status.DONE:
        return "DONE"
    requests = "/".join(request.name if request is not Request.NONE else "–" for request in row.requests)
    if row.status is Status.LIVE and len(row.requests) == 3:
        requests = "*"
    doubt = {(False,): "", (True,): ", doubt", (False, True): ", *"}[row.doubts]
    return f"{row.status.name}, {requests}{doubt}"


def _to(row: Row) -> str:
    status = row.status if row.to_status is None else row.to_status
    if status is Status.DONE:
        return "DONE" if row.status is Status.DONE else f"DONE({row.reason.name if row.reason else 'as reported'})"
    if row.to_status is None and row.to_request is None and row.to_doubt is None:
        return "same"
    request = "same" if row.to_request is None else row.to_request.name if row.to_request is not Request.NONE else "–"
    doubt = {None: ", same doubt", True: ", doubt", False: ""}[row.to_doubt]
    if row.to_doubt is None and row.doubts == (False,):
        doubt = ""
    return f"{status.name}, {request}{doubt}"


def _note(row: Row) -> str:
    notes = [row.note] if row.note else []
    if row.again:
        notes.append("then judged again")
    if row.halt:
        notes.append("HALT")
    return "; ".join(notes)


if __name__ == "__main__":
    TARGET.write_text(draw(), encoding="utf-8")
    print(TARGET)
