"""Every provider and generator of the original, served or not: what the CRDs are made from.

`coffer run` does not load this: it reads stores by the models of `external.providers.registry`, the served ones only.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, create_model

from external.api.external_secret import GeneratorName
from external.api.fields import ONE_OF, SOURCELESS, Model, with_optional_fields
from external.api.generators.services import BeyondtrustWorkloadCredentialsDynamicSecretSpec
from external.api.providers.unserved import (
    clouds,
    configuration_services,
    password_managers,
    platforms,
    regional_clouds,
    vaults,
)
from external.api.store import SecretStoreSpec
from external.generators.registry import EMBEDDED
from external.providers.catalogue import Catalogue
from external.providers.registry import BUILT_IN
from manager.core.field_docs import field_docs


class UnservedProviders(Model):
    """The original's other providers; once one is served, its declaration takes the place of its line here."""

    barbican: clouds.Barbican | None = None
    """A store of OpenStack Barbican."""
    beyondtrust: vaults.BeyondTrust | None = None
    """A store of BeyondTrust Password Safe."""
    beyondtrustworkloadcredentials: vaults.BeyondTrustWorkloadCredentials | None = None
    """A store of BeyondTrust Workload Credentials."""
    chef: platforms.Chef | None = None
    """A store of Chef Infra Server."""
    cloudrusm: regional_clouds.CloudRu | None = None
    """A store of Cloud.ru Secret Manager."""
    conjur: vaults.Conjur | None = None
    """A store of CyberArk Conjur."""
    dvls: password_managers.DevolutionsServer | None = None
    """A store of Devolutions Server."""
    fortanix: vaults.Fortanix | None = None
    """A store of Fortanix DSM."""
    ibm: clouds.Ibm | None = None
    """A store of IBM Cloud Secrets Manager."""
    keepersecurity: password_managers.Keeper | None = None
    """A store of Keeper."""
    nebiusmysterybox: regional_clouds.Nebius | None = None
    """A store of Nebius MysteryBox."""
    ngrok: platforms.Ngrok | None = None
    """A store of ngrok."""
    onboardbase: configuration_services.Onboardbase | None = None
    """A store of Onboardbase."""
    onepassword_sdk: Annotated[password_managers.OnePassword | None, Field(alias="onepasswordSDK")] = None
    """A store of 1Password."""
    oracle: clouds.Oracle | None = None
    """A store of Oracle Cloud Vault."""
    ovh: regional_clouds.Ovh | None = None
    """A store of OVHcloud KMS."""
    passbolt: password_managers.Passbolt | None = None
    """A store of Passbolt."""
    passworddepot: password_managers.PasswordDepot | None = None
    """A store of Password Depot."""
    previder: configuration_services.Previder | None = None
    """A store of Previder Vault."""
    pulumi: configuration_services.Pulumi | None = None
    """A store of Pulumi ESC."""
    senhasegura: vaults.Senhasegura | None = None
    """A store of senhasegura."""
    volcengine: regional_clouds.Volcengine | None = None
    """A store of Volcengine KMS."""
    yandexcertificatemanager: regional_clouds.YandexCertificateManager | None = None
    """A store of Yandex Certificate Manager."""
    yandexlockbox: regional_clouds.YandexLockbox | None = None
    """A store of Yandex Lockbox."""


class UnservedGenerators(Model):
    """The original's other generators; once one is served, its declaration takes the place of its line here."""

    beyondtrust_workload_credentials_dynamic_secret_spec: BeyondtrustWorkloadCredentialsDynamicSecretSpec | None = None
    """Dynamic credentials of BeyondTrust Workload Credentials."""


class _ExactlyOne(Model):
    model_config = ConfigDict(extra="forbid", json_schema_extra=ONE_OF["json_schema_extra"])


def _completed(name: str, served: Mapping[str, tuple[Any, str]], unserved: type[Model]) -> type[Model]:
    """Return a model with a field for each that is served and then for each that is not."""
    docs = field_docs(unserved)
    others = {info.alias or field: (info.annotation, docs[field]) for field, info in unserved.model_fields.items()}
    return with_optional_fields(name, _ExactlyOne, {**served, **{k: v for k, v in others.items() if k not in served}})


def every_store_spec(catalogue: Catalogue) -> type[Model]:
    """Return the spec of a store with a field for each provider of a catalogue and each of the original."""
    every = _completed("EveryProvider", catalogue.models, UnservedProviders)
    return _with_type(SecretStoreSpec, provider=every)


EveryGenerator = _completed("EveryGenerator", EMBEDDED, UnservedGenerators)


class ClusterGeneratorSpec(Model):
    """A generator for all namespaces."""

    kind: GeneratorName
    """Kind of the generator."""
    generator: Model
    """Its spec; exactly one."""


def _with_type(base: type[Model], **types: type[Model]) -> type[Model]:
    """Return a model whose fields of these names have another type than in its base."""
    fields: dict[str, Any] = {name: (inner, ...) for name, inner in types.items()}
    return create_model(f"Every{base.__name__}", __base__=base, __doc__=base.__doc__, __module__=SOURCELESS, **fields)


EveryStoreSpec = every_store_spec(BUILT_IN)
EveryClusterGeneratorSpec = _with_type(ClusterGeneratorSpec, generator=EveryGenerator)
