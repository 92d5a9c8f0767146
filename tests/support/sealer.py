"""TLS 1.3 records of any content, as no library would send them (RFC 8446 §5.2, §7)."""

from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

DATA = 23
HANDSHAKE = 22
KEY_UPDATE = b"\x18\x00\x00\x01\x00"


class Sealer:
    """Seals what a client sends, from its first record after the handshake on.

    The suite must be TLS_AES_256_GCM_SHA384; `keylog` is the file of `SSLContext.keylog_filename`,
    whose last connection is the one meant.
    """

    def __init__(self, keylog: Path) -> None:
        lines = keylog.read_text().splitlines()
        found = [line for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")]
        self._use(bytes.fromhex(found[-1].split()[2]))

    def seal(self, data: bytes, kind: int = DATA) -> bytes:
        """One record."""
        inner = data + bytes([kind])
        head = bytes([DATA, 3, 3]) + (len(inner) + 16).to_bytes(2)
        number = int.from_bytes(self._iv) ^ self._sequence
        self._sequence += 1
        return head + self._aead.encrypt(number.to_bytes(12), inner, head)

    def update_keys(self) -> bytes:
        """An update of keys; what follows is sealed with the next ones."""
        record = self.seal(KEY_UPDATE, HANDSHAKE)
        self._use(self._expand(b"traffic upd", 48))
        return record

    def _use(self, secret: bytes) -> None:
        self._secret = secret
        self._aead = AESGCM(self._expand(b"key", 32))
        self._iv = self._expand(b"iv", 12)
        self._sequence = 0

    def _expand(self, label: bytes, length: int) -> bytes:
        full = b"tls13 " + label
        info = length.to_bytes(2) + bytes([len(full)]) + full + b"\0"
        return HKDFExpand(SHA384(), length, info).derive(self._secret)
