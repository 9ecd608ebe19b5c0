"""Tests of manager/cli/migrate/chart_values."""
