"""Writes docs/providers.md from the declarations of providers; with --check it only tells whether the page differs."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel as Model

from external.api.fields import model_in
from external.providers.kind import Service
from external.providers.registry import KINDS
from tools.conformance_doc import conformance
from tools.generated import Generated

FILE = Path(__file__).parent.parent / "docs" / "providers.md"
HEAD = """# Providers

Made from `external/providers/registry.py` by `make docs`. "Metric label" is the value of the label `provider` in
`externalsecret_provider_api_calls_count` and `coffer_provider_calls_total`; the price is the provider's public list
price as `coffer cost` uses it. Providers that are not in this table keep their fields in the CRDs, and a store with
one says in its condition that it is not supported by this version.

| `spec.provider` | what it is | metric label | secrets a call | price of 10,000 calls | status.capabilities |
|---|---|---|---|---|---|
"""


PUSHES = """
## Pushes

How a service takes what a PushSecret sends. Where there is room for a mark, Coffer neither overwrites nor deletes what
another has written ([which is that](decisions/marks-of-pushed-secrets.md)). "Calls unchanged" is how many calls a push
takes that finds nothing to change; a webhook's is the write itself. "Versions listed" means that Coffer can see for
several secrets at once that nothing has changed. `metadata.spec` has the fields of `data[].metadata`, in an envelope
with `apiVersion: kubernetes.external-secrets.io/v1alpha1` and `kind: PushSecretMetadata`. The templates of a webhook
know `.remoteRef.remoteKey`, `.remoteRef.secretKey` and `.remoteRef.property`, and the value under the name of the
remote key, as in `{{ index .remoteRef "my-key" }}`; without a `body` the value itself is sent.

| metric label | mark of the owner | calls unchanged | deletes one property | versions listed | `metadata.spec` |
|---|---|---|---|---|---|
"""

RIGHTS = """
What the identity of a store must be allowed for pushes; a refused push names the right that is missing.

- **AWS Secrets Manager** (`secretsmanager:`): `DescribeSecret`, `GetSecretValue`, `CreateSecret`, `PutSecretValue`,
  `TagResource`. For settings of entries: `UpdateSecret`, `UntagResource`, `GetResourcePolicy`, `PutResourcePolicy`,
  `DeleteResourcePolicy`, `ReplicateSecretToRegions`, `RemoveRegionsFromReplication`. For deletes: `DeleteSecret`. To
  see many versions at once: `ListSecrets`.
- **AWS Parameter Store** (`ssm:`): `GetParameter`, `ListTagsForResource`, `PutParameter`, `AddTagsToResource`. For
  settings: `RemoveTagsFromResource`, `DescribeParameters`, with which versions are listed too. For deletes:
  `DeleteParameter`.
- **AWS Certificate Manager** (`acm:`): `ImportCertificate`, `GetCertificate`, `ListTagsForCertificate`,
  `AddTagsToCertificate`, and `tag:GetResources`. For settings: `RemoveTagsFromCertificate`. For deletes:
  `DeleteCertificate`. Reads need `DescribeCertificate` and `ExportCertificate`.
- **Google Secret Manager** (`secretmanager.`): `secrets.get`, `secrets.create`, `secrets.update`, `versions.access`,
  `versions.add`. For deletes: `secrets.delete`. Reads need `versions.access`, searches `secrets.list`, and
  `secretVersionSelectionPolicy: LatestOrFetch` also `versions.list`. Google has no list that tells the versions of
  several secrets, so a value is read at each refresh, once for all that read it.
- **Vault**, version 2: `read`, `create` and `update` on data and on metadata; for deletes `delete` on metadata. Version
  1: `read`, `create`, `update` and `delete`.
- **Secrets of a cluster**: `get`, `create` and `update`; for deletes `delete`.
- **Delinea Secret Server**: a role that may view and edit the secrets; to create them, edit the folder and view the
  template; for deletes, delete secrets.
- **GitHub Actions**: the App's permission to write secrets of the organization, of repositories or of environments.
- **Azure Key Vault**: on secrets `get` and `set`, on certificates and keys `get`, `import` and `update`; for deletes
  `delete`; to write again what was deleted, `recover`.
- **1Password Connect**: a token that may read and write the vault.
- **Akeyless**: `read`, `list`, `create`, `update` and `delete` on the path.
- **Bitwarden Secrets Manager**: a machine account that may read and write the project.
- **Scaleway**: `SecretManagerFullAccess`; reads need `SecretManagerSecretAccess` and `SecretManagerReadOnly`.
- **Infisical**: `read`, `create` and `edit` on secrets; for deletes `delete`. Reads need `describe` and `readValue`.
"""


def rendered() -> str:
    """Return the page."""
    rows = []
    for kind in KINDS:
        for value, service in kind.services.items():
            name = f"`{kind.name}`, `service: {value}`" if value else f"`{kind.name}`"
            cells = (name, kind.about, f"`{service.label}`", str(service.batch), _price(service), kind.capabilities)
            rows.append(f"| {' | '.join(cells)} |\n")
    return "".join([HEAD, *rows, PUSHES, *_pushes(), RIGHTS, conformance()])


def _pushes() -> Iterator[str]:
    """Yield a row for each service that takes secrets."""
    for service in (service for kind in KINDS for service in kind.services.values()):
        if service.push is not None:
            push = service.push
            words = ("yes" if each else "no" for each in (push.deletes_property, push.lists_versions))
            fields = ", ".join(f"`{name}`" for name in _fields(push.metadata)) or "no effect"
            cells = (f"`{service.label}`", push.mark or "none", str(push.calls), *words, fields)
            yield f"| {' | '.join(cells)} |\n"


def _fields(model: type[Model] | None) -> Iterator[str]:
    """Yield the paths of a model's fields."""
    for name, field in (model.model_fields if model is not None else {}).items():
        inner = model_in(field.annotation)
        path = field.alias or name
        yield from (f"{path}.{each}" for each in _fields(inner)) if inner is not None else (path,)


def _price(service: Service) -> str:
    return f"${service.dollars_per_call * 10_000:.2f}" if service.dollars_per_call else "none"


PAGE = Generated("providers page", lambda: {FILE: rendered()}, "make docs")


if __name__ == "__main__":
    sys.exit(PAGE.main())
