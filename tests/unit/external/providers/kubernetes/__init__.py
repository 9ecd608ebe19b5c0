"""Tests of external/providers/kubernetes."""
