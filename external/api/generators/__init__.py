"""One model for each generator of the original that this version does not serve."""
