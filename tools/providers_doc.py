"""Writes docs/providers.md from the declarations of providers; with --check it only tells whether the page differs."""

import sys
from pathlib import Path

from external.providers.kind import Service
from external.providers.registry import KINDS
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


def rendered() -> str:
    """Return the page."""
    rows = []
    for kind in KINDS:
        for value, service in kind.services.items():
            name = f"`{kind.name}`, `service: {value}`" if value else f"`{kind.name}`"
            able = "ReadWrite" if kind.pushes else "ReadOnly"
            cells = (name, kind.about, f"`{service.label}`", str(service.batch), _price(service), able)
            rows.append(f"| {' | '.join(cells)} |\n")
    return "".join([HEAD, *rows])


def _price(service: Service) -> str:
    return f"${service.dollars_per_call * 10_000:.2f}" if service.dollars_per_call else "none"


PAGE = Generated("providers page", lambda: {FILE: rendered()}, "make docs")


if __name__ == "__main__":
    sys.exit(PAGE.main())
