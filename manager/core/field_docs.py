"""Read the docstrings under the fields of a class, for generated pages and schemas."""

import ast
import inspect
import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise


@cache
def field_docs(owner: type) -> Mapping[str, str]:
    """Return field name -> docstring for the fields that a class itself declares. Raises OSError without its source."""
    body = ast.parse(inspect.getsource(owner)).body[0]
    statements = getattr(body, "body", [])
    return {
        target.target.id: re.sub(r"\s+", " ", text.value.value).strip()
        for target, text in pairwise(statements)
        if isinstance(target, ast.AnnAssign) and isinstance(target.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
