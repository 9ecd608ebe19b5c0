"""Answers with Go's own engines where Python cannot be sure of the same answer: gjson paths, and names by template."""

from collections.abc import Iterable

from external.properties import Beyond, take
from manager.errors import TemplateInvalid
from manager.gotemplate.model import Template
from manager.gotemplate.sandbox import Sandbox
from manager.plain import Plain


class Documents:
    """What a namespace's values are asked.

    The sandbox is not loaded for a plain path in JSON: most clusters know no other (providers 1.5).
    """

    def __init__(self, sandbox: Sandbox, namespace: str) -> None:
        self._sandbox = sandbox
        self._namespace = namespace

    async def find(self, document: Plain, path: str, *, natural: bool) -> Plain | None:
        """Return the value at a property path, None when it does not exist.

        A key that contains the dots itself wins over the path, unless `natural`, where only a member of exactly that
        name does. Raises TemplateError when the path takes too much, or there is no sandbox.
        """
        try:
            return take(document.reveal(), path, natural=natural)
        except Beyond:
            pass
        flat = path.replace(".", r"\.")
        if flat != path and not natural:
            found = await self._sandbox.json_get(self._namespace, document, flat)
            if found is not None:
                return found.text
        found = await self._sandbox.json_get(self._namespace, document, path)
        return None if found is None else found.text

    async def renamed(self, template: str, names: Iterable[str]) -> list[str]:
        """Return what a template makes of each name, which it is given as `value`. Raises TemplateError."""
        wanted, made = Template.eso_lenient("transform", template), []
        for name in names:
            found = await self._sandbox.render(self._namespace, wanted, {"value": Plain(name.encode())})
            text = found.value.reveal()
            try:
                made.append(text.decode())
            except UnicodeDecodeError:
                raise TemplateInvalid("read", "what the template makes is no text") from None
        return made
