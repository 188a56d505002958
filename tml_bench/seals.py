"""A checksum that a JSON object holds over itself, so that whatever of its text is changed is found.

The object's last field is ``seal``: the SHA-256, in hexadecimal, of all bytes before it but for the comma
between. It is over the text, not over the values: fields that a later version adds are covered too. It finds
damage, and no forgery.
"""

import hashlib
import re

_FIELD = b'"seal"'
_END = re.compile(rb':\s*"([0-9a-f]{64})"\s*}\s*')


def sealed(text: bytes) -> bytes:
    """The text of a JSON object that has fields, with its seal; one of several lines stays one."""
    head = text.rstrip().removesuffix(b"}").rstrip()
    digits = hashlib.sha256(head).hexdigest().encode()
    if b"\n" in head:
        return head + b",\n  " + _FIELD + b': "' + digits + b'"\n}\n'
    return head + b"," + _FIELD + b':"' + digits + b'"}'


def seal_holds(text: bytes) -> bool | None:
    """Whether a text is as it was when it was sealed; None where it has no seal."""
    head, field, tail = text.rpartition(_FIELD)
    end = _END.fullmatch(tail)
    if not field or end is None:
        return None
    return head.rstrip().endswith(b",") and hashlib.sha256(head.rstrip()[:-1]).hexdigest() == end[1].decode()
