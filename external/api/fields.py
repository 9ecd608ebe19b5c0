"""The base of all models of custom resources, shared fields, and how raw objects are read."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    create_model,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from external.api.schedules import parse_schedule
from manager.core.background import in_background
from manager.core.documents import more_values
from manager.core.durations import parse_duration
from manager.core.errors import NeedsHuman
from manager.core.suggestions import MAX_NAME_CHARACTERS, nearest
from manager.kube.crds import PRESERVED, REQUIRED, VALIDATIONS


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _interval(given: int | str | None) -> int | str | None:
    """Check a number of seconds or a Go duration; a number in quotes is neither."""
    seconds = parse_duration(given) if isinstance(given, str) else given or 0
    if seconds < 0:
        raise ValueError("invalid refreshInterval: must not be negative")
    return given


def _schedule(text: str) -> str:
    parse_schedule(text)
    return text


Name = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    ),
]
DataKey = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
NamespaceName = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Duration = Annotated[str, AfterValidator(_duration)]
"""Checked here and not in the schema: external-secrets' schema accepts any text."""
StoreInterval = Annotated[int | str | None, AfterValidator(_interval)]
ScheduleText = Annotated[
    str,
    StringConstraints(
        min_length=1,
        pattern=r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every .+|[^ ]+( [^ ]+){4})$",
    ),
    AfterValidator(_schedule),
]
Decoding = Literal["Auto", "Base64", "Base64URL", "None"]
Conversion = Literal["Default", "Unicode"]
NullBytes = Literal["Ignore", "Fail"]


class Model(BaseModel):
    """A model with camelCase fields in YAML; unknown fields are errors, and errors never quote the input."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", hide_input_in_errors=True, frozen=True
    )


SOURCELESS = "pydantic.main"
"""Module of a model that is made at run time: the CRDs look for no source of it to read docstrings from."""
ONE_OF = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
"""Configuration of a model of which exactly one field may be set."""


def checked(*rules: tuple[str, str]) -> ConfigDict:
    """Return the configuration of a model with these rules in its schema: CEL, and the message if it is false.

    The reconciler checks them again: the CRDs of external-secrets have none.
    """
    found: list[JsonValue] = [{"rule": rule, "message": message} for rule, message in rules]
    return ConfigDict(json_schema_extra={VALIDATIONS: found})


CaBundle = Annotated[str | None, Field(json_schema_extra={"format": "byte"})]
"""PEM certificates, or base64 of them."""
RequiredWithDefault = Field(json_schema_extra={REQUIRED: True})
"""Marks a field that the original's schema requires though it has a default."""
AnyJson = Annotated[Any, Field(json_schema_extra={PRESERVED: True})]


class EmptyObject(Model):
    """An object without fields."""


class SecretKeySelector(Model):
    """One key of a Secret."""

    name: Name | None = None
    """Name of the Secret."""
    namespace: NamespaceName | None = None
    """Namespace of the Secret; only cluster-scoped stores may name one."""
    key: DataKey | None = None
    """Key of the Secret."""


class LocalSecretKeySelector(Model):
    """One key of a Secret of the same namespace."""

    name: Annotated[str | None, Field(min_length=1, max_length=253)] = None
    """Name of the Secret."""
    key: Annotated[str | None, Field(min_length=1, max_length=253)] = None
    """Key of the Secret."""


class ConfigMapKeySelector(Model):
    """One key of a ConfigMap."""

    name: Name
    """Name of the ConfigMap."""
    namespace: NamespaceName | None = None
    """Namespace of the ConfigMap; only cluster-scoped stores may name one."""
    key: DataKey
    """Key of the ConfigMap."""


class ServiceAccountSelector(Model):
    """A ServiceAccount and the audiences of its tokens."""

    name: Name
    """Name of the ServiceAccount."""
    namespace: NamespaceName | None = None
    """Namespace of the ServiceAccount; only cluster-scoped stores may name one."""
    audiences: list[str] | None = None
    """Audiences of the token."""


class CaProvider(Model):
    """An object that holds certificates of authorities."""

    type: Literal["Secret", "ConfigMap"]
    """Kind of the object."""
    name: Name
    """Name of the object."""
    key: DataKey | None = None
    """Key of the object."""
    namespace: NamespaceName | None = None
    """Namespace of the object; only cluster-scoped stores may name one."""


MAX_PROBLEMS_SHOWN = 10  # in one message
MAX_PROBLEMS_READ = 1000  # more would hold up the event loop
MAX_VALUES = 60_000  # of a spec: 5,000 entries with all their fields
HEAVY_VALUES = 1_000  # a spec with more is read in a thread
Parsed = TypeVar("Parsed", bound=Model)
Result = TypeVar("Result")


async def parsed(model: type[Parsed], raw: object, *, reason: str, at: str = "spec") -> Parsed:
    """Read a raw object, in a thread if it is large. Raises as `parse` does."""
    return await beside_values(raw, partial(parse, model, raw, reason=reason, at=at))


async def beside_values(raw: object, work: Callable[[], Result]) -> Result:
    """Do work on a raw object, in a thread if it is large."""
    return await in_background(work) if more_values(raw, HEAVY_VALUES) else work()


def parse(model: type[Parsed], raw: object, *, reason: str, at: str = "spec") -> Parsed:
    """Read a raw object. Raises NeedsHuman, which names every wrong or unknown field, and no value.

    The API server drops unknown fields where the CRD is ours or the original's. Objects that were stored under a looser
    one still have them, and a field without effect may mean another value, or another reader, than its author wanted.
    The interpreter is held meanwhile: 50 ms for MAX_VALUES of which each is wrong, and less than 2 for HEAVY_VALUES.
    """
    if more_values(raw, MAX_VALUES):
        raise NeedsHuman(reason, f"{at}: it holds more than {MAX_VALUES} values; let there be fewer")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        if error.error_count() > MAX_PROBLEMS_READ:
            raise NeedsHuman(reason, f"{at}: more than {MAX_PROBLEMS_READ} fields are wrong or unknown") from None
        problems = sorted({_problem(model, at, each) for each in error.errors(include_input=False, include_url=False)})
        left = len(problems) - MAX_PROBLEMS_SHOWN
        more = [f"and {left} more"] if left > 0 else []
        raise NeedsHuman(reason, "; ".join([*problems[:MAX_PROBLEMS_SHOWN], *more])) from None


def _problem(model: type[BaseModel], at: str, error: ErrorDetails) -> str:
    path = error["loc"]
    place = _place(at, path)
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown field{nearest(str(path[-1]), _siblings(model, path))}"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


def _place(at: str, path: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:MAX_NAME_CHARACTERS]}" for step in path)
    return at + "".join(steps)


def _siblings(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields that are allowed at a path."""
    owner: type[BaseModel] | None = model
    for step in path[:-1]:
        if isinstance(step, str) and owner is not None:
            names = {field.alias or name: field for name, field in owner.model_fields.items()}
            owner = model_in(names[step].annotation) if step in names else None
    return [field.alias or name for name, field in owner.model_fields.items()] if owner else []


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside a type: inside lists, options and annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_in(each) for each in get_args(annotation))
    return next((each for each in found if each is not None), None)


def with_optional_fields(name: str, base: type[Parsed], fields: Mapping[str, tuple[Any, str]]) -> type[Parsed]:
    """Return a model with more fields than its base, each optional.

    Args:
        fields: name in YAML -> type and description.
    """
    made: dict[str, Any] = {
        each: (Annotated[inner | None, Field(alias=each, description=about)], None)
        for each, (inner, about) in fields.items()
    }
    return create_model(name, __base__=base, __doc__=base.__doc__, __module__=SOURCELESS, **made)
