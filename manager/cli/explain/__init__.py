"""`coffer explain` and `coffer tree`: where the values of one Secret come from, and who has them."""
