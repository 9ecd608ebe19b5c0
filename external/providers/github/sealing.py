"""Seals values for GitHub: libsodium's sealed box, with the public key of the place."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from external.providers.protocol import ProviderUnavailable


def sealed(value: bytes, key: Mapping[str, Any]) -> dict[str, str]:
    """Return a value as the API takes it. Raises ProviderUnavailable for an answer that is no public key."""
    from nacl.exceptions import CryptoError
    from nacl.public import PublicKey, SealedBox

    own, text = key.get("key_id"), key.get("key")
    try:
        if isinstance(own, str) and isinstance(text, str):
            box = SealedBox(PublicKey(base64.b64decode(text, validate=True)))
            return {"encrypted_value": base64.b64encode(box.encrypt(value)).decode(), "key_id": own}
    except (binascii.Error, CryptoError, ValueError, TypeError):
        pass
    raise ProviderUnavailable("GetPublicKey: the answer is no public key")
