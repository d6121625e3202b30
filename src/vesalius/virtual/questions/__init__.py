"""Questions with answers from what is known of studies: families, balance, pairs."""
