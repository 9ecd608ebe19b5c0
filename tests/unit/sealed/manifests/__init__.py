"""Tests of sealed/manifests."""
