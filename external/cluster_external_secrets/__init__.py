"""ClusterExternalSecrets: one ExternalSecret in each namespace that they choose."""
