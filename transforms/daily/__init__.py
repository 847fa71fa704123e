"""One module per published aggregate: normalised rows in, a daily table out."""
