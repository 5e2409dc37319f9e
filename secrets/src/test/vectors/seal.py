"""What Seal makes of the bytes 0 to 31 with the passphrase of SecretFileTest, a salt of sixteen 1s and a nonce of twelve 2s:
PBKDF2 of Python's library, AES-GCM of `cryptography`. Run: python3 seal.py"""

import base64
import hashlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"sotto-sealed-1:"
salt, nonce = bytes([1]) * 16, bytes([2]) * 12
key = hashlib.pbkdf2_hmac("sha256", b"correct horse battery staple", salt, 600_000, 32)
sealed = AESGCM(key).encrypt(nonce, bytes(range(32)), MARK)
print((MARK + base64.b64encode(salt + nonce + sealed)).decode())
