"""Signatures over exact bytes. The one place that sees both a secret and what is signed with it.

A signer guarantees that the same payload gives the same text (Ed25519 and PKCS#1 v1.5 are deterministic) and that its
``repr`` tells nothing. What the payload is, and where the text goes, is the wire's business.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from tickwright.base.errors import ConfigError
from tickwright.base.secret import Secret
from tickwright.base.suggest import near_or_list

_BLOCK_BYTES = 64
_SEED_BYTES = 32
#: Pads of RFC 2104.
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


class Signer(Protocol):
    """Text that proves knowledge of a secret."""

    def sign(self, payload: bytes) -> str: ...


class HmacSigner:
    """HMAC-SHA256 in hex. The key schedule is computed once: a signature costs two copies, not four compressions."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: Secret) -> None:
        key = secret.reveal()
        if len(key) > _BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        key = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(key.translate(_INNER_PAD))
        self._outer = hashlib.sha256(key.translate(_OUTER_PAD))

    def __repr__(self) -> str:
        return "HmacSigner(…)"

    def sign(self, payload: bytes) -> str:
        inner = self._inner.copy()
        inner.update(payload)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class Ed25519Signer:
    """Ed25519 in base64. The secret is a PEM private key, or its 32-byte seed."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret) -> None:
        raw = secret.reveal()
        key = Ed25519PrivateKey.from_private_bytes(raw) if len(raw) == _SEED_BYTES else _load_pem(raw)
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError("the secret is a private key, but not an Ed25519 one", hint="set key_kind to what it is")
        self._key = key

    def __repr__(self) -> str:
        return "Ed25519Signer(…)"

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload)).decode()


class RsaSigner:
    """RSA PKCS#1 v1.5 over SHA-256 in base64. The secret is a PEM private key."""

    __slots__ = ("_key",)

    def __init__(self, secret: Secret) -> None:
        key = _load_pem(secret.reveal())
        if not isinstance(key, RSAPrivateKey):
            raise ConfigError("the secret is a private key, but not an RSA one", hint="set key_kind to what it is")
        self._key = key

    def __repr__(self) -> str:
        return "RsaSigner(…)"

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()


_KINDS: Mapping[str, Callable[[Secret], Signer]] = {"hmac": HmacSigner, "ed25519": Ed25519Signer, "rsa": RsaSigner}


def make_signer(kind: str, secret: Secret) -> Signer:
    """The signer for a kind of key; raises ``ConfigError`` for an unknown kind or a secret that is not of that kind."""
    maker = _KINDS.get(kind)
    if maker is None:
        raise ConfigError(f"{kind!r} is not a kind of key", hint=near_or_list(kind, _KINDS))
    return maker(secret)


def _load_pem(raw: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(raw, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is left out on purpose: parsers quote what they could not read.
        raise ConfigError("the secret is not a PEM private key that can be read without a password") from None
