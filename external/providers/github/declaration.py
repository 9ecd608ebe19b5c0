"""What the rest of the product knows about secrets of GitHub Actions."""

from external.providers.github.connect import connect
from external.providers.github.connection import LABEL
from external.providers.github.model import GitHub
from external.providers.kind import Extra, ProviderKind, Pushing, single

GITHUB = ProviderKind(
    name="github",
    about="A store of GitHub Actions.",
    model=GitHub,
    connect=connect,
    services=single(LABEL, push=Pushing(calls=1, deletes_property=False, lists_versions=True)),
    extra=Extra("github", "nacl"),
    reads=False,
)
