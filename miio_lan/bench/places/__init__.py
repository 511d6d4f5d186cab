"""Where the products of a bench are, whether they are there, who uses them, and what switches them."""
