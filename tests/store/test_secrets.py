"""What is hidden can be revealed with the same key, and with no other."""

import pytest

from evmesh.store.errors import WrongKey
from evmesh.store.secrets import Secrets, hash_of


def test_what_is_hidden_is_revealed_by_the_same_key() -> None:
    hidden = Secrets(b"key").hide("tøken")
    assert "tøken" not in hidden
    assert Secrets(b"key").reveal(hidden) == "tøken"


def test_the_same_token_is_hidden_differently_each_time() -> None:
    secrets = Secrets(b"key")
    assert secrets.hide("token") != secrets.hide("token")


def test_another_key_and_a_changed_text_are_noticed() -> None:
    hidden = Secrets(b"key").hide("token")
    with pytest.raises(WrongKey):
        Secrets(b"another").reveal(hidden)
    with pytest.raises(WrongKey):
        Secrets(b"key").reveal(hidden[:-8] + "AAAAAAA=")


def test_no_key_is_no_key() -> None:
    with pytest.raises(WrongKey, match="empty"):
        Secrets(b"")


def test_a_hash_is_sha_256_in_hexadecimal() -> None:
    assert hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
