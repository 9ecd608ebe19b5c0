"""Tests of manager/kube."""
