"""One file a provider of secrets."""
