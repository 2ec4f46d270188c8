"""Signatures against vectors, and what must never be seen."""

from __future__ import annotations

import base64
import hashlib
import hmac
import pickle

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.errors import ConfigError
from tickwright.base.secret import Secret
from tickwright.venues.binance_spot import requests
from tickwright.venues.signing import Ed25519Signer, HmacSigner, RsaSigner, make_signer

KEY = "testApiKeyAAAAAAAAAAAAAAAAAAAAAA"
HMAC_SECRET = Secret(b"testSecretKeyBBBBBBBBBBBBBBBBBBBB")
SEED = Secret(bytes(range(32)))
AT_MS = 1788249600123


def test_given_each_vector_when_signed_then_the_signature_is_the_published_one(vectors):
    """Query, query and body without separator, percent-encoded symbol, WebSocket order, logon."""
    for vector in vectors["vectors"]:
        payload = (vector.get("payload") or vector["query"] + vector["body"]).encode()
        if "hmac_sha256_hex" in vector:
            assert HmacSigner(HMAC_SECRET).sign(payload) == vector["hmac_sha256_hex"]
        else:
            assert Ed25519Signer(Secret(bytes.fromhex(vector["seed_hex"]))).sign(payload) == vector["signature_base64"]


def test_given_the_venues_own_vector_when_signed_then_it_matches():
    """The one example that the venue publishes."""
    secret = Secret(b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")
    payload = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    assert HmacSigner(secret).sign(payload) == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


def test_given_the_rest_order_of_the_vectors_when_encoded_then_query_and_signature_are_those_of_the_vectors(vectors):
    """The encoder, not only the signer, reproduces vector 1; the Ed25519 form is percent-encoded in the URL."""
    vector = next(item for item in vectors["vectors"] if item["name"] == "rest_query")
    params = [tuple(pair.split("=")) for pair in vector["payload"].split("&")]
    params = [pair for pair in params if pair[0] not in ("recvWindow", "timestamp")]
    query = requests.signed_query(params, HmacSigner(HMAC_SECRET), AT_MS, 5000)
    assert query == f"{vector['payload']}&signature={vector['hmac_sha256_hex']}"
    query = requests.signed_query(params, Ed25519Signer(SEED), AT_MS, 5000)
    assert query.endswith(
        "&signature=KmpLnzp%2FakcnRMKGcI%2BZb67Thfo6cZlI%2FwdgIu6%2B9JnxiTgxPA4NGNGZX3KfbQSMwtqfDN245wJ2J3CS51MWCg%3D%3D"
    )


def test_given_a_symbol_that_is_not_ascii_when_encoded_then_it_is_encoded_before_it_is_signed(vectors):
    """Since January 2026 the venue checks what was sent, not what was meant."""
    vector = next(item for item in vectors["vectors"] if item["name"] == "rest_non_ascii")
    text = requests.query_string([("symbol", "测试USDT"), ("timestamp", AT_MS)])
    assert text == vector["payload"]


def test_given_a_websocket_order_when_encoded_then_the_frame_is_the_sample(sample):
    """Sorted by name and signed as it stands in the JSON; the order of fields in the frame is free."""
    expected = msgspec.json.decode(sample("ws_trade/order_place_request_signed"))
    params = [(k, v) for k, v in expected["params"].items() if k not in ("apiKey", "recvWindow", "timestamp", "signature")]
    signer = HmacSigner(HMAC_SECRET)
    frame = requests.signed_ws_frame("p-17", "order.place", params, signer, key=KEY, at_ms=AT_MS, recv_window_ms=5000)
    assert msgspec.json.decode(frame) == expected


def test_given_a_logon_when_encoded_then_the_frame_is_the_sample(sample):
    """Ed25519, the only kind of key that can log on."""
    frame = requests.signed_ws_frame(
        "logon-1", "session.logon", [], Ed25519Signer(SEED), key=KEY, at_ms=AT_MS, recv_window_ms=5000
    )
    assert msgspec.json.decode(frame) == msgspec.json.decode(sample("ws_private/session_logon_request"))


def test_given_the_account_subscription_when_its_text_is_signed_then_the_signature_is_the_samples(sample):
    """The same text without a window."""
    params = msgspec.json.decode(sample("ws_private/subscribe_signature_request"))["params"]
    text = requests.ws_payload([(k, v) for k, v in params.items() if k != "signature"])
    assert HmacSigner(HMAC_SECRET).sign(text) == params["signature"]


@given(secret=st.binary(max_size=200), payload=st.binary(max_size=500))
def test_given_any_secret_and_payload_when_signed_twice_then_it_is_hmac_each_time(secret, payload):
    """The key schedule that is kept is not changed by use."""
    signer = HmacSigner(Secret(secret))
    expected = hmac.new(secret, payload, hashlib.sha256).hexdigest()
    assert [signer.sign(payload), signer.sign(payload)] == [expected, expected]


def test_given_an_rsa_key_when_signed_then_its_public_half_verifies():
    """PKCS#1 v1.5 with SHA-256, base64."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signature = base64.b64decode(RsaSigner(Secret(pem)).sign(b"payload"))
    key.public_key().verify(signature, b"payload", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(ConfigError, match="not an Ed25519"):
        Ed25519Signer(Secret(pem))


def test_given_a_wrong_secret_or_kind_when_a_signer_is_made_then_a_config_error_tells_without_the_secret():
    """The parser's own message quotes what it could not read; ours must not."""
    with pytest.raises(ConfigError) as caught:
        make_signer("rsa", Secret(b"hunter2-hunter2-hunter2"))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(ConfigError, match="hmac"):
        make_signer("hmca", Secret(b"x"))


def test_given_a_secret_or_a_signer_when_shown_then_nothing_is_seen():
    """Not in a log, an f-string, a repr, a pickle or an encoded message."""
    secret = Secret(b"hunter2")
    shown = f"{secret} {secret!r} {secret:>20} {[secret]} {HmacSigner(secret)!r} {Ed25519Signer(SEED)!r}"
    assert "hunter2" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)
    assert secret != Secret(b"hunter2")
    assert secret.reveal() == b"hunter2"
