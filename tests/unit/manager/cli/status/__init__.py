"""Tests of manager/cli/status."""
