"""What the faces share outside of the rules: looking up names, sockets, telling observers."""
