"""The credentials module: how a platform becomes a partner, renews its tokens, and leaves. See `handshake`."""
