"""The sealing keys of this cluster: registry, watch, renewal, keyring."""
