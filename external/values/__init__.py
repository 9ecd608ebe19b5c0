"""From a provider's text to the data of a target."""
