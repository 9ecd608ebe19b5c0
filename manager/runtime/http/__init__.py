"""The HTTP endpoints of the process: health, and metrics."""
