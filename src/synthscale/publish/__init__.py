"""Out again: artifacts as data sets and models for others, with cards; the `export` command."""
