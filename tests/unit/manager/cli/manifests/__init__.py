"""Tests of manager/cli/manifests."""
