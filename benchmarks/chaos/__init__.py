"""Everything that can go wrong between a client and an MCU, at random, judged against the MCU's own log."""
