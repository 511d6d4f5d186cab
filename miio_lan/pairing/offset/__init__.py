"""How far two clocks are apart, as the commands tell that both wires have: suppositions, each followed through all."""
