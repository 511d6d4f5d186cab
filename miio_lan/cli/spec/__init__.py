"""``spec``: descriptions of products, shown and fetched."""
