"""Tests of manager/cli/migrate."""
