"""What each value of the originals' charts is in Coffer's chart: a table for each chart, and what reads them."""
