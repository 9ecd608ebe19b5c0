"""The fields of our custom resources, typed: what the CRDs are generated from."""
