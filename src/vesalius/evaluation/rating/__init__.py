"""Human ratings of answers: blinded sheets for raters, and what the filled sheets say."""
