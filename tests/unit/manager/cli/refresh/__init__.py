"""Tests of manager/cli/refresh."""
