"""`--certs`: seal one Secret for several clusters, with a file of their certificates."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sealed.cluster.controller_client import open_certificate
from sealed.manifests.documents import InputError, read, read_file, replace_file
from sealed.manifests.sealing import public_key

PLACE = "{cluster}"
BEGIN = "-----BEGIN"


def keys_of(file: str, now: datetime) -> dict[str, RSAPublicKey]:
    """Return the keys by cluster, from a YAML mapping of names to certificates: a path, a URL, or PEM itself.

    Paths are relative to the file. Raises InputError that names the cluster.
    """
    place = Path(file)
    [found, *more] = read(read_file(place))
    if more or not all(isinstance(each, str) and each for each in found.values()):
        raise InputError(f"{file}: a mapping of cluster names to certificates was expected")
    keys = {}
    for cluster, certificate in found.items():
        try:
            keys[cluster] = public_key(_pem(certificate, place.parent), now)
        except InputError as error:
            raise InputError(f"{cluster}: {error}") from None
    return keys


def seal_for_each(keys: dict[str, RSAPublicKey], pattern: str, seal: Callable[[RSAPublicKey], bytes]) -> None:
    """Write one file for each cluster; `{cluster}` in the pattern becomes its name. Seal all before writing any.

    Raises:
        InputError: the pattern names one file for all clusters, or a cluster's name leads to another folder.

    """
    if PLACE not in pattern:
        raise InputError(f"--sealed-secret-file must contain {PLACE} with --certs")
    if any("/" in cluster or cluster in (".", "..") for cluster in keys):
        raise InputError("a cluster's name must not contain a slash")
    sealed = {pattern.replace(PLACE, cluster): seal(key) for cluster, key in keys.items()}
    for path, content in sealed.items():
        replace_file(Path(path), content)


def _pem(certificate: str, folder: Path) -> bytes:
    if certificate.lstrip().startswith(BEGIN):
        return certificate.encode()
    return open_certificate(certificate if "://" in certificate else str(folder / certificate))
