"""Tests of external/generators."""
