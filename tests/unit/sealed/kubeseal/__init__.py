"""Tests of sealed/kubeseal."""
