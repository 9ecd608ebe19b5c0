"""Tests of external/providers/infisical."""
