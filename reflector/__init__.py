"""Mirrors of Secrets and ConfigMaps across namespaces."""
