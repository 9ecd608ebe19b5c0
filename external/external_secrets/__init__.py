"""ExternalSecrets: fetch values, decide, write the target, report."""
