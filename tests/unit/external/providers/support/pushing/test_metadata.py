"""Metadata of an entry is read strictly, and errors say which field and what instead."""

from typing import Any

import pytest

from external.api.push_metadata.aws import SecretsManagerPushSpec
from external.api.push_metadata.kubernetes import KubernetesPushSpec
from external.providers.push import PushRefused
from external.providers.support.pushing.metadata import metadata_spec

GOOD = {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata"}


def test_without_metadata_everything_has_its_default() -> None:
    assert metadata_spec(KubernetesPushSpec, None) == KubernetesPushSpec()
    assert metadata_spec(KubernetesPushSpec, GOOD) == KubernetesPushSpec()


def test_settings_are_read_from_the_envelope() -> None:
    found = metadata_spec(SecretsManagerPushSpec, {**GOOD, "spec": {"kmsKeyId": "alias/x", "tags": {"a": "b"}}})

    assert (found.kms_key_id, found.tags) == ("alias/x", {"a": "b"})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"kind": "PushSecretMetadata"}, "data[].metadata.apiVersion: Field required"),
        ({**GOOD, "apiVersion": "v1"}, "data[].metadata.apiVersion: Input should be 'kubernetes.external"),
        ({**GOOD, "specs": {}}, "data[].metadata.specs: unknown field; did you mean spec?"),
        ({**GOOD, "spec": {"lables": {}}}, "data[].metadata.spec.lables: unknown field; did you mean labels?"),
        ({**GOOD, "spec": {"labels": {"a": 5}}}, "data[].metadata.spec.labels.a: Input should be a valid string"),
        ({**GOOD, "spec": {"targetMergePolicy": "Overwrite"}}, "data[].metadata.spec.targetMergePolicy: Input should"),
        ("canary", "data[].metadata: Input should be"),
        ([], "data[].metadata: Input should be"),
    ],
)
def test_a_wrong_field_is_named_and_no_value_is_shown(given: Any, text: str) -> None:
    with pytest.raises(PushRefused) as told:
        metadata_spec(KubernetesPushSpec, given)

    assert text in str(told.value)
    assert "canary" not in str(told.value)
