"""Tests of external/providers/akeyless."""
