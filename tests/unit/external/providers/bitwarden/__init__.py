"""Tests of external/providers/bitwarden."""
