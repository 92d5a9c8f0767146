"""A file of keys: a JWK Set, PEM public keys, or one secret in each line.

What is none of these is refused with the line that it stands in: a comment, an address or a public
key without its first line, taken for a secret, would let in whoever can read it.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt import PyJWK

from presence_server.gateway.keys import (
    PEM,
    PEM_BEGIN,
    KeyRefused,
    Keys,
    jwk_entries,
    jwk_key,
    public_keys,
    secret_key,
)

MAX_KEY_FILE: Final = 1_048_576

_NO_SECRET: Final = re.compile(r"\s|://|^\w+=[^=]")
"""What people write into such files: prose, addresses, assignments."""


def read_key_file(content: bytes) -> Keys:
    """The keys of a file; lines that begin with `#` are comments.

    Raises:
        KeyRefused: if there is none, or any of them is not safe.

    """
    if len(content) > MAX_KEY_FILE:
        raise KeyRefused(f"more than {MAX_KEY_FILE} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KeyRefused("the file is not text in UTF-8") from None
    if text.lstrip().startswith(("{", "[")):
        return _key_set(text)
    if PEM_BEGIN in text:
        return _pem_keys(text)
    return _secrets(text)


def _key_set(text: str) -> Keys:
    """The keys of our own JWK Set, where one that is passed over would be a mistake unnoticed."""
    try:
        entries = jwk_entries(json.loads(text))
    except json.JSONDecodeError as error:
        raise KeyRefused(f"not JSON: line {error.lineno}: {error.msg}") from None
    except RecursionError:
        raise KeyRefused("the file is not JSON") from None
    if not entries:
        raise KeyRefused("the JWK Set is empty")
    return tuple(map(jwk_key, entries))


def _pem_keys(text: str) -> Keys:
    keys = public_keys(text)
    for _ in _lines(PEM.sub("", text)):
        raise KeyRefused(
            "something stands beside the PEM keys: a secret goes into PRESENCE_JWT_SECRET, "
            "which counts together with this file"
        )
    return keys


def _secrets(text: str) -> Keys:
    lines = [*_lines(text)]
    if not lines:
        raise KeyRefused("the file is empty")
    if _is_public("".join(line for _, line in lines)):
        raise KeyRefused("a public key without its BEGIN and END lines")
    return tuple(_secret(number, line) for number, line in lines)


def _secret(number: int, line: str) -> PyJWK:
    if _NO_SECRET.search(line):
        raise KeyRefused(
            f"line {number} is no secret: it has blanks, is an address or an assignment"
        )
    try:
        return secret_key(line)
    except KeyRefused as refused:
        raise KeyRefused(f"line {number}: {refused}") from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are neither empty nor comments, with their numbers."""
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("#"):
            yield number, line


def _is_public(text: str) -> bool:
    try:
        load_der_public_key(b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
