"""Tests of manager/cli/plan."""
