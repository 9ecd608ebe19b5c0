"""Reads `metadata` of an entry: the original's envelope around the settings of one provider."""

from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, create_model

from external.api.fields import SOURCELESS, Model, parse
from external.providers.push import PushRefused
from manager.core.errors import NeedsHuman

AT = "data[].metadata"
"""Where it stands in a PushSecret; a provider does not know the number of the entry."""
API_VERSION = "kubernetes.external-secrets.io/v1alpha1"
KIND = "PushSecretMetadata"
Spec = TypeVar("Spec", bound=Model)


def metadata_spec(model: type[Spec], metadata: object) -> Spec:
    """Return the settings of an entry, the defaults if it has none.

    Raises:
        PushRefused: naming each field that is wrong or unknown.

    """
    if metadata is None:
        return model()
    try:
        whole: Any = parse(_envelope(model), metadata, reason="", at=AT)
    except NeedsHuman as error:
        raise PushRefused(error.message) from None
    found: Spec = whole.spec
    return found


@cache
def _envelope(model: type[Model]) -> type[Model]:
    fields: dict[str, Any] = {
        "api_version": (Literal["kubernetes.external-secrets.io/v1alpha1"], ...),
        "kind": (Literal["PushSecretMetadata"], ...),
        "spec": (Annotated[model, Field(default_factory=model)], ...),
    }
    return create_model(KIND, __base__=Model, __module__=SOURCELESS, **fields)
