"""The class that users subclass. Class attributes are the data it wants; ``decide`` is called when some of it changed.

Nothing a user writes here is async, reads a clock or touches an exchange: calls are collected and handed to the engine,
which checks, reserves, and only then sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, NoReturn, Protocol

from tickwright.base.errors import StrategyError
from tickwright.base.numbers import Inexact, money_text, to_decimal
from tickwright.base.suggest import near, near_or_list
from tickwright.model.instrument import Instrument
from tickwright.model.market import BUY, SELL, Side
from tickwright.model.order import AmendTerms, OrderType, Tif
from tickwright.model.reason import Reason
from tickwright.strategy.intents import Action, Change, Handle, Pair, Proposal, ProtectWant, QuoteWant, TargetWant, Withdraw
from tickwright.strategy.planner import PROTECT, TARGET
from tickwright.transforms.expr import Expr
from tickwright.transforms.stage import Placeholder

Exact = Decimal | int | str
HOOKS = frozenset({"on_start", "on_fill", "on_order", "on_timer", "on_halt", "on_stop"})


class Param(Placeholder):
    """A number (or text, or flag) that can be set from outside: ``--param size=0.1``. See :func:`param`."""

    __slots__ = ("default", "doc", "high", "low", "name", "unit")

    def __init__(self, default: Any, unit: str, low: Any, high: Any, doc: str) -> None:
        self.default = _as_number(default)
        self.unit = unit
        self.low = None if low is None else self.parse(low)
        self.high = None if high is None else self.parse(high)
        self.doc = doc
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def parse(self, value: Any) -> Any:
        """``value`` (often text from a command line) as the type of the default; raises ``ValueError``."""
        kind = type(self.default)
        if kind is bool:
            text = str(value).lower()
            if text not in ("true", "false", "yes", "no", "1", "0"):
                raise ValueError(f"{value!r} is not true or false")
            return text in ("true", "yes", "1")
        if kind is Decimal:
            try:
                number = Decimal(str(value))
            except InvalidOperation:
                raise ValueError(f"{value!r} is not a number") from None
            if not number.is_finite():
                raise ValueError(f"{value!r} is not a finite number")
            return number
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise ValueError(f"{value!r} is not a whole number")
        return kind(value)


def param(default: Any, *, unit: str = "", low: Any = None, high: Any = None, doc: str = "") -> Any:
    """A parameter of a strategy. Text such as ``"0.05"`` makes an exact ``Decimal``; ints, floats and flags stay as they are."""
    return Param(default, unit, low, high, doc)


def _as_number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    return value


class Fill(Protocol):
    """What ``on_fill`` receives."""

    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    order: Handle | None


class AccountView(Protocol):
    """Read-only view of the account that ``authorise`` and the strategy's properties are given."""

    @property
    def now_ns(self) -> int: ...
    def instrument(self, symbol: str | None) -> Instrument: ...
    def position_units(self, key: str) -> int: ...
    def average_price(self, key: str) -> Decimal | None: ...
    def balance(self, asset: str) -> int: ...
    def free(self, asset: str) -> int: ...
    def equity(self) -> int | None: ...
    def mid(self, key: str) -> float | None: ...
    def handles(self, strategy: str) -> list[Handle]: ...


class Strategy:
    """Subclass it, name the data as class attributes, write ``decide``. See docs/strategies.md."""

    #: Seconds between calls of ``on_timer``.
    timer_s: ClassVar[float] = 1.0

    _exprs: ClassVar[dict[str, Expr]] = {}
    _params: ClassVar[dict[str, Param]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        exprs: dict[str, Expr] = {}
        params: dict[str, Param] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Expr):
                    exprs[name] = value
                elif isinstance(value, Param):
                    params[name] = value
                elif name.startswith("on_") and callable(value) and name not in HOOKS:
                    raise StrategyError(
                        f"{cls.__name__}.{name} is not a hook", hint=near_or_list(name, HOOKS), where=cls.__module__
                    )
        cls._exprs = exprs
        cls._params = params

    def __init__(self, **values: Any) -> None:
        self._account: AccountView | None = None
        self._actions: list[Action] = []
        self._targets: dict[str, TargetWant] = {}
        self._quotes: dict[tuple[str, str], QuoteWant] = {}
        self._dirty = False
        self._notes: list[tuple[str, str]] = []
        self._watched: dict[str, str] = {}
        self._name = type(self).__name__
        for name, setting in self._params.items():
            setattr(self, name, setting.default)
        for name, value in values.items():
            self._set_param(name, value)

    def _set_param(self, name: str, value: Any) -> None:
        setting = self._params.get(name)
        if setting is None:
            raise StrategyError(f"{self._name} has no parameter {name!r}", hint=near_or_list(name, self._params))
        try:
            parsed = setting.parse(value)
        except ValueError as error:
            raise StrategyError(f"parameter {name} of {self._name}: {error}") from None
        for bound, broken in ((setting.low, "below"), (setting.high, "above")):
            if bound is not None and (parsed < bound if broken == "below" else parsed > bound):
                raise StrategyError(f"parameter {name} of {self._name}: {parsed} is {broken} {bound}")
        setattr(self, name, parsed)

    def __getattr__(self, name: str) -> NoReturn:
        # Only reached for names that do not exist, so it costs nothing otherwise.
        known = [item for item in {*dir(type(self)), *vars(self)} if not item.startswith("_")]
        hint = near(name, known)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{f': {hint}' if hint else ''}")

    # -- what a user overrides ---------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Called after an event that changed a class attribute, once all of them are warm."""

    def authorise(self, order: Proposal, account: AccountView) -> bool | str:
        """The user's own check, after the built-in gate: True lets the order pass, False or a reason refuses it."""
        return True

    def on_start(self) -> None:
        """Called once, when trading is first armed."""

    def on_fill(self, fill: Fill) -> None:
        """Called after each execution of one of this strategy's orders."""

    def on_order(self, order: Handle) -> None:
        """Called when the state of one of this strategy's orders changed."""

    def on_timer(self) -> None:
        """Called every ``timer_s`` seconds."""

    def on_halt(self, reason: Reason) -> None:
        """Called when this strategy may no longer open risk."""

    def on_stop(self) -> None:
        """Called once, before the run cancels what is working."""

    # -- what a user reads -------------------------------------------------------------------------------------------

    @property
    def account(self) -> AccountView:
        if self._account is None:
            raise StrategyError("the account is not there yet: it is from on_start on, not in __init__", where=self._name)
        return self._account

    @property
    def now_ns(self) -> int:
        """Time of the event being handled, nanoseconds since the epoch."""
        return self.account.now_ns

    @property
    def instrument(self) -> Instrument:
        """The run's only instrument."""
        return self.account.instrument(None)

    @property
    def position(self) -> Decimal:
        """Signed quantity held in the run's only instrument, as far as this run knows of it."""
        return self.position_in(None)

    def position_in(self, symbol: str | None) -> Decimal:
        """The same for a named instrument."""
        instrument = self.account.instrument(symbol)
        return to_decimal(self.account.position_units(instrument.key), instrument.qty_exp)

    def balance(self, asset: str) -> Decimal:
        """Everything held of ``asset``, reserved or not."""
        return Decimal(money_text(self.account.balance(asset)))

    def free(self, asset: str) -> Decimal:
        """What is held of ``asset`` and not reserved for working orders."""
        return Decimal(money_text(self.account.free(asset)))

    @property
    def equity(self) -> Decimal | None:
        """Value of everything in the run's currency; None while something in it has no price."""
        amount = self.account.equity()
        return None if amount is None else Decimal(money_text(amount))

    @property
    def orders(self) -> list[Handle]:
        """This strategy's open orders, oldest first."""
        return self.account.handles(self._name)

    # -- what a user calls -------------------------------------------------------------------------------------------

    def buy(self, qty: Exact, **terms: Any) -> Handle:
        """Ask for a buy order. Terms as in :meth:`order`."""
        return self.order(BUY, qty, **terms)

    def sell(self, qty: Exact, **terms: Any) -> Handle:
        """Ask for a sell order. Terms as in :meth:`order`."""
        return self.order(SELL, qty, **terms)

    def order(
        self,
        side: Side,
        qty: Exact,
        *,
        limit: Exact | None = None,
        stop: Exact | None = None,
        take_profit: bool = False,
        tif: Tif | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        symbol: str | None = None,
    ) -> Handle:
        """Ask for an order: at the market without ``limit``; waiting for ``stop`` to be touched with it.

        ``take_profit`` says on which side of the market the stop waits. ``tif`` is GTC for limit orders and IOC at the market
        unless given. Prices and quantities are exact (text, int, Decimal); a float goes through ``self.instrument.price``.
        """
        instrument = self.account.instrument(symbol)
        wish = self._wish(
            instrument, side, qty, limit=limit, stop=stop, take_profit=take_profit, tif=tif, post_only=post_only,
            reduce_only=reduce_only,
        )  # fmt: skip
        self._ask(wish)
        return wish.handle

    def oco(
        self, side: Side, qty: Exact, *, limit: Exact, stop: Exact, stop_limit: Exact | None = None, symbol: str | None = None
    ) -> tuple[Handle, Handle]:
        """Ask for two orders of which one cancels the other: a maker's ``limit`` at the better price, and a ``stop`` at the worse
        one that trades at the market once it is touched, or at ``stop_limit``. To sell a position: the limit above the market
        takes the profit, the stop below it the loss. Funds are reserved once. Returns the handles of limit and stop.
        """
        instrument = self.account.instrument(symbol)
        pair = Pair(
            self._wish(instrument, side, qty, limit=limit, post_only=True),
            self._wish(instrument, side, qty, limit=stop_limit, stop=stop),
        )
        self._ask(pair)
        return pair.limit.handle, pair.stop.handle

    def _wish(
        self,
        instrument: Instrument,
        side: Side,
        qty: Exact,
        *,
        limit: Exact | None = None,
        stop: Exact | None = None,
        take_profit: bool = False,
        tif: Tif | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
    ) -> Proposal:
        return Proposal(
            key=instrument.key,
            side=side,
            type=_order_type(limit is not None, stop is not None, take_profit),
            qty=self._qty(instrument, qty),
            price=None if limit is None else self._price(instrument, limit),
            stop=None if stop is None else self._price(instrument, stop),
            tif=tif or (Tif.IOC if limit is None and stop is None else Tif.GTC),
            post_only=post_only,
            reduce_only=reduce_only,
            name="",
            handle=Handle(instrument, side, ""),
        )

    def _ask(self, action: Action) -> None:
        self._dirty = True
        self._actions.append(action)

    def cancel(self, order: Handle) -> None:
        """Ask for an order's cancellation. Harmless when it has already ended."""
        self._ask(Withdraw(order.client_id))

    def amend(self, order: Handle, *, qty: Exact | None = None, limit: Exact | None = None) -> None:
        """Ask for new terms of a working order."""
        instrument = order._instrument  # noqa: SLF001 (a handle belongs to its strategy)
        terms = AmendTerms(
            qty=None if qty is None else self._qty(instrument, qty),
            price=None if limit is None else self._price(instrument, limit),
        )
        self._ask(Change(order.client_id, terms))

    def target(self, qty: Exact, *, limit: Exact | None = None, symbol: str | None = None) -> None:
        """Say what the position should be. It stands until it is said anew; the planner finds the orders."""
        instrument = self.account.instrument(symbol)
        units = self._units(instrument.exact_qty_units, qty, "quantity", "qty")
        price = None if limit is None else self._price(instrument, limit)
        want = TargetWant(key=instrument.key, qty=units, limit=price)
        if self._targets.get(instrument.key) != want:
            self._targets[instrument.key] = want
            self._dirty = True

    def close(self, symbol: str | None = None) -> None:
        """The same as ``target(0)``, with this strategy's quotes on the instrument withdrawn."""
        instrument = self.account.instrument(symbol)
        for key, name in list(self._quotes):
            if key == instrument.key:
                self.unquote(name, symbol=symbol)
        self.target(0, symbol=symbol)

    def protect(self, *, stop: Exact, limit: Exact | None = None, symbol: str | None = None) -> None:
        """Say that the position is to have a stop at the venue, of its size, at the market once it is touched or at ``limit``. It
        stands until it is said anew or :meth:`unprotect` is called, whatever becomes of the position, and through a restart: the
        stop follows the size, and is placed again when the venue has ended it.
        """
        instrument = self.account.instrument(symbol)
        price = None if limit is None else self._price(instrument, limit)
        self._ask(ProtectWant(key=instrument.key, stop=self._price(instrument, stop), limit=price))

    def unprotect(self, *, symbol: str | None = None) -> None:
        """Say that the position needs no stop any more."""
        self._ask(ProtectWant(key=self.account.instrument(symbol).key, stop=0, limit=None))

    def quote(
        self, name: str, side: Side, price: Exact, qty: Exact, *, post_only: bool = True, symbol: str | None = None
    ) -> None:
        """Say which order should be working under ``name``. It stands until it is said anew or :meth:`unquote` is called."""
        if not name or name in (TARGET, PROTECT):
            raise StrategyError(f"quote needs a name of its own, not {name!r}", where=self._name)
        instrument = self.account.instrument(symbol)
        want = QuoteWant(
            key=instrument.key,
            name=name,
            side=side,
            price=self._price(instrument, price),
            qty=self._qty(instrument, qty),
            post_only=post_only,
        )
        if self._quotes.get((instrument.key, name)) != want:
            self._quotes[instrument.key, name] = want
            self._dirty = True

    def unquote(self, name: str, *, symbol: str | None = None) -> None:
        """Say that no order should be working under ``name``."""
        instrument = self.account.instrument(symbol)
        old = self._quotes.get((instrument.key, name))
        if old is not None:
            self._quotes[instrument.key, name] = QuoteWant(
                key=old.key, name=name, side=old.side, price=old.price, qty=0, post_only=old.post_only
            )
            self._dirty = True

    def log(self, text: str, **fields: object) -> None:
        """Write a line to the run's log."""
        self._dirty = True
        more = " ".join(f"{name}={value}" for name, value in fields.items())
        self._notes.append(("info", f"{text} {more}".strip()))

    def watch(self, **values: object) -> None:
        """Show values beside the strategy's name while it runs."""
        self._dirty = True
        for name, value in values.items():
            self._watched[name] = f"{value:.10g}" if isinstance(value, float) else str(value)

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _qty(self, instrument: Instrument, value: Exact) -> int:
        return self._units(instrument.exact_qty_units, value, "quantity", "qty")

    def _price(self, instrument: Instrument, value: Exact) -> int:
        return self._units(instrument.exact_price_units, value, "price", "price")

    def _units(self, convert: Any, value: Exact, what: str, method: str) -> int:
        try:
            return int(convert(value))
        except Inexact as error:
            how = f"self.instrument.{method}(x, DOWN)" if isinstance(value, float) else "an exact number"
            raise StrategyError(f"{what} {error}", where=self._name, hint=f"use {how}") from None


def _order_type(limit: bool, stop: bool, take_profit: bool) -> OrderType:
    if not stop:
        return OrderType.LIMIT if limit else OrderType.MARKET
    if take_profit:
        return OrderType.TAKE_PROFIT_LIMIT if limit else OrderType.TAKE_PROFIT
    return OrderType.STOP_LIMIT if limit else OrderType.STOP


def describe(cls: type[Strategy]) -> Mapping[str, Param]:
    """The parameters of a strategy class, by name."""
    return dict(cls._params)
