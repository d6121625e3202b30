"""What the releases of data sets share: rows that know their place, pictures by their header, questions, twins."""
