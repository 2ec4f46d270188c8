"""API keys, signatures and the time window, as the venue checks them. Pure apart from making keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from tickwright.base.chance import Chance
from tickwright.sim.stands.binance_spot.shapes import Params, Refusal

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_WINDOW = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?", re.ASCII)
_STAMP = re.compile(r"[0-9]{1,20}", re.ASCII)
_AHEAD_MS = 1_000
_RECV_WINDOW_MS = 5_000
_RECV_WINDOW_MS_MAX = 60_000
#: Longer than this, a time is in microseconds.
_MS_DIGITS = 13

_PublicKey = str | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
_PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


class Key(msgspec.Struct, frozen=True):
    """One API key of an account: ``proof`` is the shared secret or the public key that a signature is checked with."""

    api_key: str
    proof: _PublicKey
    account: str
    can_trade: bool
    can_withdraw: bool

    @property
    def can_log_on(self) -> bool:
        """Sessions are for Ed25519 keys."""
        return isinstance(self.proof, ed25519.Ed25519PublicKey)


class KeyPair(msgspec.Struct, frozen=True):
    """What a client needs: the key, and its secret or private key (PEM)."""

    api_key: str
    secret: str


class KeyRing:
    """The keys that the venue knows, and those that clients are given: one of each kind for one account, for tests only.

    The HMAC and Ed25519 keys come from the seed. RSA keys cannot; they are made when first asked for.
    """

    def __init__(self, chance: Chance, account: str, *, can_trade: bool, can_withdraw: bool) -> None:
        self._chance = chance
        self._account = account
        self._can_trade = can_trade
        self._can_withdraw = can_withdraw
        self._known: dict[str, Key] = {}
        self._revoked: dict[str, Key] = {}
        self._given: dict[str, KeyPair] = {}
        secret = _word(chance, 64)
        self._enter("hmac", secret, secret)
        private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(chance.below(256) for _ in range(32)))
        self._enter("ed25519", private.public_key(), _pem(private))

    def _enter(self, kind: str, proof: _PublicKey, secret: str) -> None:
        api_key = _word(self._chance, 64)
        self._known[api_key] = Key(api_key, proof, self._account, self._can_trade, self._can_withdraw)
        self._given[kind] = KeyPair(api_key, secret)

    def __getitem__(self, kind: str) -> KeyPair:
        """A client's pair of a kind: ``hmac``, ``ed25519`` or ``rsa``."""
        if kind == "rsa" and kind not in self._given:
            private = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
            self._enter(kind, private.public_key(), _pem(private))
        return self._given[kind]

    def find(self, api_key: str | None) -> Key:
        """The key of that name, or the venue's refusal."""
        if not api_key:
            raise Refusal(-2014, "API-key format invalid.", 401)
        key = self._known.get(api_key)
        if key is None:
            raise bad_key()
        return key

    def revoke(self) -> None:
        """No key works any more."""
        self._revoked = self._known or self._revoked
        self._known = {}

    def restore(self) -> None:
        """The keys that were revoked work again."""
        self._known = self._known or self._revoked


def bad_key() -> Refusal:
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def _word(chance: Chance, length: int) -> str:
    return "".join(chance.pick(_LETTERS) for _ in range(length))


def _pem(key: _PrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def check_signature(key: Key, payload: bytes, signature: str) -> None:
    """Refuse unless ``signature`` is the key's over ``payload``."""
    if not signature:
        raise Refusal(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
    if not _signed_by(key.proof, payload, signature):
        raise Refusal(-1022, "Signature for this request is not valid.")


def _signed_by(proof: _PublicKey, payload: bytes, signature: str) -> bool:
    if isinstance(proof, str):
        right = hmac.new(proof.encode(), payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right.encode(), signature.lower().encode())
    try:
        raw = base64.b64decode(signature.encode(), validate=True)
        if isinstance(proof, ed25519.Ed25519PublicKey):
            proof.verify(raw, payload)
        else:
            proof.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
    except (binascii.Error, InvalidSignature):
        return False
    return True


def check_time(params: Params, server_ns: int) -> None:
    """``timestamp`` within ``recvWindow`` of the server's time, and at the most one second ahead of it."""
    stamp = params.get("timestamp", "")
    if not stamp:
        raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if not _STAMP.fullmatch(stamp):
        raise Refusal(-1100, "Illegal characters found in parameter 'timestamp'; legal range is '^[0-9]{1,20}$'.")
    window = params.get("recvWindow") or str(_RECV_WINDOW_MS)
    if not _WINDOW.fullmatch(window) or float(window) > _RECV_WINDOW_MS_MAX:
        raise Refusal(-1131, f"recvWindow must be less than {_RECV_WINDOW_MS_MAX}")
    at_us = int(stamp) if len(stamp) > _MS_DIGITS else int(stamp) * 1_000
    server_us = server_ns // 1_000
    if at_us >= server_us + _AHEAD_MS * 1_000:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if server_us - at_us > float(window) * 1_000:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
