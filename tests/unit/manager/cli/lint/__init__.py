"""Tests of manager/cli/lint."""
