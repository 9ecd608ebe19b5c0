"""`--validate` and `--re-encrypt` over many files: a progress bar, and one summary at the end."""

import sys
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sealed.cluster.controller_client import ControllerClient
from sealed.manifests.documents import Document, InputError, kinds, read, read_file, replace_file
from sealed.manifests.editing import ManifestFile

ITEMS = ("spec", "encryptedData")


@dataclass(frozen=True)
class Bulk:
    """Processes files in order; a failure does not stop the others."""

    controller: ControllerClient

    def validate(self, files: Iterable[str]) -> None:
        """Validate every SealedSecret in the files. Raises InputError with all failures at the end."""
        self._each(files, "validated", self._validated)

    def re_encrypt(self, files: Iterable[str]) -> None:
        """Re-encrypt every SealedSecret in the files, in place. Raises InputError with all failures at the end."""
        self._each(files, "re-encrypted", self.renew)

    def renew(self, place: Path) -> int:
        """Re-encrypt the SealedSecrets of one file; only their values change. Return their number."""
        file = ManifestFile(read_file(place))
        found = [at for at, each in enumerate(file.documents) if _is_sealed(each)]
        _require_some(found, file.documents)
        for position in found:
            renewed = self.controller.resealed(file.documents[position])
            _require_same(file.documents[position], renewed)
            for name, value in sorted(renewed["spec"]["encryptedData"].items()):
                file.put(position, (*ITEMS, name), value)
        replace_file(place, file.content(), keep_mode=True)
        return len(found)

    def _validated(self, place: Path) -> int:
        given = read(read_file(place))
        documents = [each for each in given if _is_sealed(each)]
        _require_some(documents, given)
        for each in documents:
            if not self.controller.opens(each):
                raise InputError(f"unable to decrypt sealed secret: {(each.get('metadata') or {}).get('name', '')}")
        return len(documents)

    def _each(self, files: Iterable[str], done: str, work: Callable[[Path], int]) -> None:
        places = [Path(each) for each in files]
        count = 0
        failures: list[str] = []
        with click.progressbar(places, label=done, file=sys.stderr) as bar:
            for place in bar:
                try:
                    count += work(place)
                except InputError as error:
                    failures.append(f"{place}: {error}")
        click.echo(f"{count} SealedSecrets in {len(places) - len(failures)} files {done}", err=True)
        if failures:
            raise InputError("\n".join([f"{len(failures)} of {len(places)} files failed", *failures]))


def _is_sealed(document: Document) -> bool:
    return document.get("kind") == "SealedSecret"


def _require_some(found: Sized, given: Iterable[Document]) -> None:
    """Raise InputError if a named file has no SealedSecret: otherwise the command would do nothing and succeed."""
    if not found:
        raise InputError(f"there is no SealedSecret in it, but {kinds(given)}")


def _require_same(before: Document, after: Any) -> None:
    """Raise InputError unless the answer has exactly the items that were sent; that of a legacy value has none."""
    sent = (before.get("spec") or {}).get("encryptedData") or {}
    if (before.get("spec") or {}).get("data") is not None or set(sent) != set(after["spec"]["encryptedData"]):
        raise InputError("it has the legacy form, which cannot be changed in place: use -w")
