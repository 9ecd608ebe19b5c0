"""Tests of external/providers/scaleway."""
