"""Tests of sealed/cluster."""
