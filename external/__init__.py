"""ExternalSecret -> Secret: stores, providers, refresh."""
