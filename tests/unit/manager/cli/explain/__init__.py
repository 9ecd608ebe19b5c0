"""Tests of manager/cli/explain."""
