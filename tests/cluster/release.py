"""Downloads published binaries, and refuses them unless they have the published checksum."""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import getproxies

import urllib3
from urllib3.exceptions import HTTPError

from tests.cluster.programs import Program, Release
from tools.progress import Progress, progress

TIMEOUT = urllib3.Timeout(connect=3.0, read=30.0)  # an unreachable site must cost seconds, not minutes
RETRIES = urllib3.Retry(total=6, connect=0, read=0, other=0, redirect=6)
CHUNK = 1 << 20


class Unreachable(Exception):
    """The site did not answer or does not have the file: use another source."""


class ChecksumMismatch(Exception):
    """The download is not the published file: do not use it."""


def download(program: Program, target: Path) -> None:
    """Write the published binary to `target`.

    Raises:
        Unreachable: no network, no such release.
        ChecksumMismatch: the bytes are not the published ones; `target` is not written.
    """
    release = program.release
    if release is None:
        raise Unreachable(f"{program.name} is not published as a binary")
    base = os.environ.get(release.variable, release.base).rstrip("/")
    url = f"{base}/{program.path(release.path)}"
    archive = target.with_suffix(".download")
    try:
        published = _published_checksum(f"{base}/{program.path(release.checksums)}", url.rpartition("/")[2])
        with progress(f"{program.name} {program.version}: downloading") as step:
            actual = _fetch(url, archive, step)
            if actual != published:
                raise ChecksumMismatch(f"{url}: SHA-256 is {actual}, published is {published}; refused")
        _extract(program, release, archive, target)
        target.chmod(0o755)
    finally:
        archive.unlink(missing_ok=True)


@contextmanager
def _open(url: str) -> Iterator[urllib3.BaseHTTPResponse]:
    proxy = getproxies().get(url.partition(":")[0])
    pool = urllib3.ProxyManager(proxy, timeout=TIMEOUT) if proxy else urllib3.PoolManager(timeout=TIMEOUT)
    with pool:
        try:
            answer = pool.request("GET", url, preload_content=False, retries=RETRIES)
            try:
                if answer.status != 200:
                    raise Unreachable(f"{url} answered {answer.status}")
                yield answer
            finally:
                answer.close()
        except HTTPError as error:
            raise Unreachable(f"{url}: {type(error).__name__}") from error


def _published_checksum(url: str, file: str) -> str:
    """Read `<hex>` alone, or the line `<hex>  <file>` of a list."""
    with _open(url) as answer:
        lines = [line.split() for line in answer.read(CHUNK).decode().splitlines()]
    found = next((words[0] for words in lines if words and words[-1].lstrip("*") in {file, words[0]}), None)
    if found is None:
        raise Unreachable(f"{url} does not list {file}")
    return found.lower()


def _fetch(url: str, target: Path, step: Progress) -> str:
    digest, size = hashlib.sha256(), 0
    with _open(url) as answer, target.open("wb") as file:
        for chunk in answer.stream(CHUNK):
            digest.update(chunk)
            size += file.write(chunk)
            step.tick(f"{size >> 20} MiB")
    return digest.hexdigest()


def _extract(program: Program, release: Release, archive: Path, target: Path) -> None:
    if not release.member:
        archive.replace(target)
        return
    with tarfile.open(archive) as files:
        member = files.extractfile(program.path(release.member))
        if member is None:
            raise Unreachable(f"{archive.name} has no {program.path(release.member)}")
        with member, target.open("wb") as file:
            while chunk := member.read(CHUNK):
                file.write(chunk)
