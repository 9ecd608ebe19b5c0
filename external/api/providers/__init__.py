"""One model for each provider of the original that this version does not serve."""
