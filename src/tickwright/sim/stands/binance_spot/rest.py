"""REST: finds the call behind a path, checks key, signature and time, and dresses the answer in the venue's headers."""

from __future__ import annotations

from tickwright.sim.stands.binance_spot.auth import KeyRing, check_signature, check_time
from tickwright.sim.stands.binance_spot.calls import Calls
from tickwright.sim.stands.binance_spot.meter import Meter
from tickwright.sim.stands.binance_spot.params import from_form, signed_form
from tickwright.sim.stands.binance_spot.routes import Call, rest_call
from tickwright.sim.stands.binance_spot.shapes import JsonValue, Refusal, dump
from tickwright.sim.stands.binance_spot.time_unit import kline_micros, micros, wants_micros
from tickwright.sim.stands.binance_spot.ws_api import Perform
from tickwright.sim.stands.server import HttpIn, HttpOut

_NO_PATH = HttpOut(status=404, body=dump({"code": -1000, "msg": "Path not found."}))
_NO_DATA = (418, 429)  # in REST these say when to come back in a header only


class Rest:
    """Every REST call."""

    def __init__(self, keys: KeyRing, calls: Calls, meter: Meter, perform: Perform) -> None:
        self._keys = keys
        self._calls = calls
        self._meter = meter
        self._perform = perform

    def answer(self, request: HttpIn, at_ns: int, *, stale: bool = False) -> HttpOut:
        """The answer to one request."""
        call = rest_call(request.method, request.path)
        if call is None:
            return _NO_PATH
        try:
            return self._answer(call, request, at_ns, stale=stale)
        except Refusal as refusal:
            return self.refused(refusal, request.address, at_ns)

    def _answer(self, call: Call, request: HttpIn, at_ns: int, *, stale: bool) -> HttpOut:
        try:
            body = request.body.decode()
        except UnicodeDecodeError:
            raise Refusal(-1100, "Illegal characters found in a parameter.") from None
        in_micros = wants_micros(request.headers.get("x-mbx-time-unit"))
        params = from_form(request.query, body)
        weight = self._calls.charge(call, params, request.address, at_ns)
        headers: dict[str, str] = {}
        result: JsonValue
        if call.signed:
            key = self._keys.find(request.headers.get("x-mbx-apikey"))
            payload, signature = signed_form(request.query, body)
            check_signature(key, payload, signature)
            check_time(params, at_ns)
            result = self._perform(call, params, key, at_ns)
            if call.orders:
                self._meter.give_back(request.address, weight, at_ns)
                ten, day = self._meter.orders(key.account, at_ns)
                headers = {"X-MBX-ORDER-COUNT-10S": str(ten), "X-MBX-ORDER-COUNT-1D": str(day)}
        else:
            result = self._calls.answer(call, params, None, at_ns, stale=stale)
        if in_micros:
            result = kline_micros(result) if call.name == "klines" else micros(result)
        return HttpOut(body=dump(result), headers=self._used(request.address, at_ns) | headers)

    def _used(self, address: str, at_ns: int) -> dict[str, str]:
        used = str(self._meter.used(address, at_ns))
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def refused(self, refusal: Refusal, address: str, at_ns: int) -> HttpOut:
        """The answer to a request that is not carried out."""
        body: dict[str, JsonValue] = {"code": refusal.code, "msg": refusal.text}
        if refusal.data is not None and refusal.status not in _NO_DATA:
            body["data"] = refusal.data
        headers = self._used(address, at_ns)
        if refusal.retry_after_s:
            headers["Retry-After"] = str(refusal.retry_after_s)
        return HttpOut(status=refusal.status, body=dump(body), headers=headers)
