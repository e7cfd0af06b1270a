"""Tokens as they are kept: theirs encrypted, because we must say them; ours as hashes, because we need not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from evmesh.store.errors import WrongKey

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Secrets:
    """Encrypts with a key made from the settings' secret key, for this one purpose."""

    def __init__(self, secret_key: bytes) -> None:
        if not secret_key:
            raise WrongKey("the secret key is empty; `evmesh init` writes one into evmesh.toml")
        # The settings' key is random already: one keyed hash is enough, and its label sets this use apart.
        self._key = hmac.digest(secret_key, b"evmesh: tokens that partners gave us", "sha256")
        self._fernet: Fernet | None = None

    def hide(self, secret: str) -> str:
        return self._cipher().encrypt(secret.encode()).decode()

    def reveal(self, hidden: str) -> str:
        """Raises `WrongKey` when the settings' key is not the one that hid it."""
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher().decrypt(hidden.encode()).decode()
        except InvalidToken as error:
            raise WrongKey(
                "a partner's token does not open with the secret key in evmesh.toml: put the former key back, "
                "or register with the partner anew"
            ) from error

    def _cipher(self) -> Fernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet

            self._fernet = Fernet(base64.urlsafe_b64encode(self._key))
        return self._fernet


def hash_of(token: str) -> str:
    """What is kept of a token of ours. Our tokens are long and random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
