"""Which downlinks a LAN request became: the candidates, the matching of all requests with them, and its doubts."""
