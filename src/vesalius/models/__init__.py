"""Parts without papers' names: encoders, heads and the cores made of them."""
