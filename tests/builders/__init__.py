"""Objects and modules that tests are made of."""
