"""PushSecrets."""
