"""Paths of a key-value engine. Pure."""


class EnginePaths:
    """The paths below one mount.

    Args:
        mount: path of the engine; empty where the keys begin with it.
    """

    def __init__(self, mount: str, *, is_v2: bool) -> None:
        self._mount = mount.strip("/")
        self._prefix = f"{mount}/" if mount else ""
        self._is_v2 = is_v2

    def of_key(self, key: str, kind: str = "data") -> str:
        """Return the path of data or metadata of a key that a user has written.

        The mount in front of it is taken away and, only where that stood there, the `data` of the second version: a
        folder may be called `data`, or like its mount.
        """
        if not self._mount:
            return self.listed(kind, key.strip("/"))
        rest = key.removeprefix(self._prefix)
        if rest != key and self._is_v2:
            rest = rest.removeprefix("data/")
        return self.listed(kind, rest.strip("/"))

    def listed(self, kind: str, key: str) -> str:
        """Return the path of data or metadata of a key that was listed, or names a folder: nothing is taken away."""
        if not self._is_v2:
            return f"{self._mount}/{key}" if self._mount else key
        if self._mount:
            return f"{self._mount}/{kind}/{key}"
        key = key.lstrip("/")
        if "/data/" in key:
            return key if kind == "data" else key.replace("/data/", f"/{kind}/", 1)
        mount, _, rest = key.partition("/")
        return f"{mount}/{kind}/{rest}"
