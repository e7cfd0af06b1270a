"""Why a connection is not made, changed or ended.

    PartnershipError
    ├── UnknownPartner       nobody has that name
    ├── NameInUse            somebody else has it
    ├── NoSuchParty          we are not whom the partner was to see
    ├── AlreadyRegistered    that connection exists
    ├── NotRegistered        that connection does not exist yet
    └── HandshakeFailed      the other platform cannot be reached, refuses, or says what cannot be used

Each text is a sentence for the person who wanted it.
"""

from __future__ import annotations


class PartnershipError(Exception):
    pass


class UnknownPartner(PartnershipError):
    pass


class NameInUse(PartnershipError):
    pass


class NoSuchParty(PartnershipError):
    pass


class AlreadyRegistered(PartnershipError):
    pass


class NotRegistered(PartnershipError):
    pass


class HandshakeFailed(PartnershipError):
    pass
