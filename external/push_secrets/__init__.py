"""PushSecrets: from Secrets and generators to providers."""
