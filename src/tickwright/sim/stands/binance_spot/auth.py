"""Keys, signatures, time windows and request weights, as the venue checks them. Failures are the venue's own codes and texts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from tickwright.base.chance import Chance

_WINDOW = re.compile(r"\d{1,5}(\.\d{1,3})?")


class Refusal(Exception):  # noqa: N818 (an answer of the venue, not an error of ours)
    """The venue's answer to a request that it does not carry out."""

    def __init__(
        self, code: int, text: str, status: int = 400, data: dict[str, Any] | None = None, retry_after_s: int = 0
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.data = data
        self.retry_after_s = retry_after_s


class Key(msgspec.Struct, frozen=True):
    """One API key of an account. ``secret`` is HMAC text or PEM of a public key."""

    api_key: str
    secret: str
    kind: str  # hmac, ed25519, rsa
    account: str
    can_trade: bool = True
    can_withdraw: bool = False


class KeyPair(msgspec.Struct, frozen=True):
    """What a client needs: the key and its private part."""

    api_key: str
    secret: str


def make_keys(chance: Chance, account: str, *, can_withdraw: bool) -> tuple[dict[str, Key], dict[str, KeyPair]]:
    """One key of each kind for an account: what the stand knows, and what a client is given. For test accounts only."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    def word(n: int) -> str:
        return "".join(chance.pick(letters) for _ in range(n))

    secret = word(64)
    seed = bytes(chance.below(256) for _ in range(32))
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    rsa_key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    ids = {kind: word(64) for kind in ("hmac", "ed25519", "rsa")}
    known = {
        ids["hmac"]: Key(ids["hmac"], secret, "hmac", account, True, can_withdraw),
        ids["ed25519"]: Key(ids["ed25519"], _public(private), "ed25519", account, True, can_withdraw),
        ids["rsa"]: Key(ids["rsa"], _public(rsa_key), "rsa", account, True, can_withdraw),
    }
    given = {
        "hmac": KeyPair(ids["hmac"], secret),
        "ed25519": KeyPair(ids["ed25519"], _private(private)),
        "rsa": KeyPair(ids["rsa"], _private(rsa_key)),
    }
    return known, given


def _public(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _private(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def signed_by(key: Key, payload: bytes, signature: str) -> bool:
    """Whether ``signature`` is the key's over ``payload``."""
    if key.kind == "hmac":
        right = hmac.new(key.secret.encode(), payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, signature.lower())
    try:
        raw = base64.b64decode(signature, validate=True)
        public = serialization.load_pem_public_key(key.secret.encode())
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(raw, payload)
        elif isinstance(public, rsa.RSAPublicKey):
            public.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def parameters(query: str, body: str) -> dict[str, str]:
    """Names and values of query and body; where a name is in both, the query's counts."""
    found = dict(parse_qsl(body, keep_blank_values=True))
    found.update(parse_qsl(query, keep_blank_values=True))
    return found


def signed_text(query: str, body: str) -> tuple[str, str]:
    """What a REST signature covers (query and body joined, without the signature itself), and the signature."""
    signature = ""
    parts = []
    for part in (query, body):
        kept = []
        for pair in part.split("&") if part else []:
            name, _, value = pair.partition("=")
            if name == "signature":
                signature = unquote(value)
            else:
                kept.append(pair)
        parts.append("&".join(kept))
    return "".join(parts), signature


def ws_text(params: dict[str, Any]) -> str:
    """What a WebSocket API signature covers: all parameters but itself, by name."""
    return "&".join(f"{name}={_plain(params[name])}" for name in sorted(params) if name != "signature")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def check_key(keys: dict[str, Key], api_key: str | None) -> Key:
    if not api_key:
        raise Refusal(-2014, "API-key format invalid.", 401)
    key = keys.get(api_key)
    if key is None:
        raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return key


def check_time(params: dict[str, Any], server_ms: int) -> None:
    """``timestamp`` against ``recvWindow`` and one second ahead."""
    stamp = str(params.get("timestamp", ""))
    if not stamp:
        raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if not stamp.isdigit():
        raise Refusal(-1100, "Illegal characters found in parameter 'timestamp'; legal range is '^[0-9]{1,20}$'.")
    window = str(params.get("recvWindow", "5000"))
    if not _WINDOW.fullmatch(window) or float(window) > 60_000:
        raise Refusal(-1131, "recvWindow must be less than 60000")
    at = int(stamp) / 1_000 if len(stamp) > 13 else int(stamp)
    if at >= server_ms + 1_000:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if server_ms - at > float(window):
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


class Meter:
    """Request weight by address and orders by account, in windows of the wall clock."""

    #: Requests over the limit that are answered 429 before the address is banned.
    PATIENCE = 10
    BAN_S = 120

    def __init__(self, weight_limit: int, orders_per_10s: int) -> None:
        self.weight_limit = weight_limit
        self.orders_limit = orders_per_10s
        self._weights: dict[str, tuple[int, int]] = {}
        self._over: dict[str, int] = {}
        self._banned: dict[str, int] = {}
        self._orders: dict[tuple[str, int], tuple[int, int]] = {}

    def spend(self, address: str, weight: int, at_ns: int) -> int:
        """Count a request; the weight used in this minute. Raises 429 and 418."""
        now_ms = at_ns // 1_000_000
        until = self._banned.get(address, 0)
        if now_ms < until:
            raise _banned(until, now_ms)
        minute = now_ms // 60_000
        window, used = self._weights.get(address, (minute, 0))
        used = used + weight if window == minute else weight
        self._weights[address] = (minute, used)
        if used > self.weight_limit:
            over = self._over[address] = self._over.get(address, 0) + 1
            if over > self.PATIENCE:
                self.ban(address, now_ms + self.BAN_S * 1_000)
                raise _banned(self._banned[address], now_ms)
            retry = 60 - (now_ms // 1_000) % 60
            raise Refusal(
                -1003,
                f"Too much request weight used; current limit is {self.weight_limit} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API.",
                429,
                {"serverTime": now_ms, "retryAfter": now_ms + retry * 1_000},
                retry,
            )
        self._over[address] = 0
        return used

    def ban(self, address: str, until_ms: int) -> None:
        self._banned[address] = until_ms

    def used(self, address: str, at_ns: int) -> int:
        window, used = self._weights.get(address, (0, 0))
        return used if window == at_ns // 60_000_000_000 else 0

    def order(self, account: str, at_ns: int) -> None:
        """Count a new order. Raises when there were too many."""
        ten = self.orders(account, at_ns)[0]
        if ten >= self.orders_limit:
            now_ms = at_ns // 1_000_000
            retry = 10 - (now_ms // 1_000) % 10
            raise Refusal(
                -1015,
                f"Too many new orders; current limit is {self.orders_limit} orders per 10 SECOND.",
                429,
                {"serverTime": now_ms, "retryAfter": now_ms + retry * 1_000},
                retry,
            )
        for span in (10, 86_400):
            window = at_ns // (span * 1_000_000_000)
            old, count = self._orders.get((account, span), (window, 0))
            self._orders[account, span] = (window, count + 1 if old == window else 1)

    def orders(self, account: str, at_ns: int) -> tuple[int, int]:
        """Orders counted within these ten seconds and today."""
        counts = []
        for span in (10, 86_400):
            window, count = self._orders.get((account, span), (0, 0))
            counts.append(count if window == at_ns // (span * 1_000_000_000) else 0)
        return counts[0], counts[1]


def _banned(until_ms: int, now_ms: int) -> Refusal:
    return Refusal(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams for live updates to avoid bans.",
        418,
        {"serverTime": now_ms, "retryAfter": until_ms},
        max(1, (until_ms - now_ms) // 1_000),
    )
