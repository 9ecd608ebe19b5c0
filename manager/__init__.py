"""The process: everything that the three modules share."""


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: that takes longer than kubeseal's whole work."""
    if name != "VERSION":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("coffer")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0.0.0"
