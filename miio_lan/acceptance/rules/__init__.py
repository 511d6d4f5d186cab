"""The rules of the serial document, each a function with its title, source and severity."""
