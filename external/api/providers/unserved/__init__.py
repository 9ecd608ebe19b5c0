"""The fields of stores of the original that this version does not serve: the CRDs have them."""
