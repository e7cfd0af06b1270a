"""What can go wrong with the database itself.

    StoreError
    ├── CannotOpen      the URL is not one of ours, or nobody answers there
    ├── SchemaTooNew    a newer evmesh has migrated this database
    ├── WrongKey        a secret was encrypted with another key
    ├── Unavailable     the database went away or stayed locked; what was asked is not known to be kept
    └── StoreClosed     asked after `close`

What a transaction function raises comes back to its caller as it is; these are for what is nobody's function.
"""


class StoreError(Exception):
    """The text says what, where and what to do about it."""


class CannotOpen(StoreError):
    pass


class SchemaTooNew(StoreError):
    pass


class WrongKey(StoreError):
    pass


class Unavailable(StoreError):
    pass


class StoreClosed(StoreError):
    pass
