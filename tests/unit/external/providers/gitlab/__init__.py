"""Tests of external/providers/gitlab."""
