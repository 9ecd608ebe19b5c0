"""What the models of our custom resources have in common, and how they are read."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from external.schedules import parse_schedule
from manager.durations import parse_duration
from manager.errors import NeedsHuman
from manager.kube.crds import VALIDATIONS


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _interval(given: int | str | None) -> int | str | None:
    """A number of seconds, or a Go duration; a number in quotes is none (7.1)."""
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
"""Checked here and not in the schema: the originals' admission takes any text (1)."""
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
    """Camel case outside, snake case inside; unknown fields are kept; errors never quote the input."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", hide_input_in_errors=True, frozen=True
    )


def checked(*rules: tuple[str, str]) -> ConfigDict:
    """Return the configuration of a model whose schema has these rules: CEL, and what is said where it does not hold.

    The reconciler checks them again: the originals' CRDs have none.
    """
    found: list[JsonValue] = [{"rule": rule, "message": message} for rule, message in rules]
    return ConfigDict(json_schema_extra={VALIDATIONS: found})


class SecretKeySelector(Model):
    """One key of a Secret."""

    name: Name | None = None
    namespace: NamespaceName | None = None
    key: DataKey | None = None


class ServiceAccountSelector(Model):
    """A ServiceAccount, and for whom its tokens are."""

    name: Name
    namespace: NamespaceName | None = None
    audiences: list[str] | None = None


class CaProvider(Model):
    """A certificate of an authority that stands in another object."""

    type: Literal["Secret", "ConfigMap"]
    name: Name
    key: DataKey | None = None
    namespace: NamespaceName | None = None


MOST_PROBLEMS = 10  # named in one message
Parsed = TypeVar("Parsed", bound=Model)


def parse(model: type[Parsed], raw: object, *, reason: str, at: str = "spec") -> Parsed:
    """Read what a user wrote. Raises NeedsHuman that names every wrong field, and no value."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = sorted({f"{_place(at, each['loc'])}: {each['msg']}" for each in error.errors(include_input=False)})
        more = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise NeedsHuman(reason, "; ".join([*problems[:MOST_PROBLEMS], *more])) from None


def _place(at: str, path: tuple[int | str, ...]) -> str:
    return at + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
