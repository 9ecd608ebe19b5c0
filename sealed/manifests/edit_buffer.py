"""The text in which a user edits the values of a SealedSecret: write it, and read it back. Pure."""

import base64
from collections.abc import Iterable, Mapping

from manager.core.secret_value import SecretValue
from sealed.manifests.documents import InputError, read, render
from sealed.manifests.sealing import plaintext

HEAD = """\
# Values of {place}. Values that you change here are sealed again; everything else in the file stays.
# Take a line away to take the value away; leave everything as it is to change nothing.
"""
HIDDEN = "# Not shown, because neither a key nor the cluster's Secret tells them, and kept: {names}\n"


def written(place: str, values: Mapping[str, SecretValue], hidden: Iterable[str]) -> str:
    """Return the text to edit: text values under stringData, all others in base64 under data."""
    texts, binary = {}, {}
    for name, value in sorted(values.items()):
        try:
            texts[name] = value.reveal().decode()
        except UnicodeDecodeError:
            binary[name] = base64.b64encode(value.reveal()).decode()
    names = ", ".join(sorted(hidden))
    body = render({"stringData": texts, **({"data": binary} if binary else {})}, "yaml").decode().removeprefix("---\n")
    return HEAD.format(place=place) + (HIDDEN.format(names=names) if names else "") + body


def read_back(page: str) -> dict[str, SecretValue]:
    """Return the values of an edited text. Raises InputError, which quotes nothing of it."""
    try:
        documents = read(page.encode())
    except InputError:
        raise InputError("the page is no YAML with stringData; nothing was changed") from None
    if len(documents) != 1 or set(documents[0]) - {"stringData", "data"}:
        raise InputError("the page holds more than stringData and data; nothing was changed")
    return plaintext(documents[0])
