"""The table: which tests run on which subjects. `tools/providers_doc.py` prints it into docs/providers.md."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conformance.providers.actions import ActionsSubject
from tests.conformance.providers.akeyless import AkeylessSubject
from tests.conformance.providers.amazon import ParameterStoreSubject, SecretsManagerSubject
from tests.conformance.providers.azure import KeyVaultSubject
from tests.conformance.providers.bitwarden import BitwardenSubject
from tests.conformance.providers.cluster import ClusterSubject
from tests.conformance.providers.custom_resources import CustomResourceSubject
from tests.conformance.providers.devops_vault import DevOpsVaultSubject
from tests.conformance.providers.doppler import DopplerSubject
from tests.conformance.providers.engines import EngineOneSubject, EngineTwoSubject, OpenBaoSubject
from tests.conformance.providers.gitlab import GitLabSubject
from tests.conformance.providers.google import GoogleSubject
from tests.conformance.providers.http_api import WebhookSubject
from tests.conformance.providers.in_memory import FakeSubject
from tests.conformance.providers.infisical import InfisicalSubject
from tests.conformance.providers.onepassword import OnePasswordSubject
from tests.conformance.providers.scaleway import ScalewaySubject
from tests.conformance.providers.secret_server import SecretServerSubject
from tests.conformance.providers.subject import Subject

HERE = Path(__file__).parent
SUBJECTS: tuple[type[Subject], ...] = (
    SecretsManagerSubject,
    ParameterStoreSubject,
    FakeSubject,
    ActionsSubject,
    GoogleSubject,
    ClusterSubject,
    CustomResourceSubject,
    OpenBaoSubject,
    EngineOneSubject,
    EngineTwoSubject,
    SecretServerSubject,
    DevOpsVaultSubject,
    WebhookSubject,
    KeyVaultSubject,
    OnePasswordSubject,
    DopplerSubject,
    InfisicalSubject,
    GitLabSubject,
    AkeylessSubject,
    BitwardenSubject,
    ScalewaySubject,
)
NEEDED: tuple[tuple[str, str, str], ...] = (
    ("wrong_secrets", "test_identity", "test_a_refused_credential_is_denied_until_it_is_rotated"),
    ("wrong_secrets", "test_identity", "test_identities_share_nothing"),
    ("trusting", "test_identity", "test_an_unknown_authority_is_not_trusted"),
    ("remove", "test_reads", "test_a_deleted_secret_is_absent"),
    ("put_second", "test_reads", "test_a_version_is_read"),
    ("disable", "test_reads", "test_a_disabled_version_is_not_absent"),
    ("found_marks", "test_push", "test_what_external_secrets_has_pushed_is_taken_over"),
)
"""Method of a subject that has no body in `Subject`, and the module and name of a test that calls it."""
MODULES = ("test_reads", "test_search", "test_faults", "test_identity", "test_push")
"""In the order of the page; each test that takes a `subject` is a row."""


class Case(NamedTuple):
    """A row of the table."""

    module: str
    test: str

    @property
    def title(self) -> str:
        """The test's name as a sentence."""
        return self.test.removeprefix("test_").replace("_", " ")


def cases() -> Iterator[Case]:
    """Yield the rows, in the order of their files."""
    for module in MODULES:
        for each in ast.parse((HERE / f"{module}.py").read_text()).body:
            if (
                isinstance(each, ast.FunctionDef)
                and each.name.startswith("test_")
                and any(given.arg == "subject" for given in each.args.args)
            ):
                yield Case(module, each.name)


def spared(subject: type[Subject], module: str, test: str) -> str:
    """Return why a test does not apply to a subject, empty if it does."""
    if module == "test_push" and subject.NO_PUSHES:
        return subject.NO_PUSHES
    if module in ("test_reads", "test_search") and subject.NO_READS:
        return subject.NO_READS
    return subject.SPARED.get(test, "")


def require_complete(subject: type[Subject]) -> type[Subject]:
    """Return the subject. Raises TypeError if it lacks a method that a test calls from which it is not spared."""
    for method, module, test in NEEDED:
        if not hasattr(subject, method) and not spared(subject, module, test):
            raise TypeError(
                f"{subject.__name__} has no method {method}, which {test} calls: add it, or say why in SPARED"
            )
    return subject


for _subject in SUBJECTS:
    require_complete(_subject)
