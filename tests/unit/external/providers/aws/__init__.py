"""Tests of external/providers/aws."""
