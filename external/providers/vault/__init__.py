"""Vault and OpenBao: key-value engines, versions 1 and 2 ."""
