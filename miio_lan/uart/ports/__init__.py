"""Where bytes of the line come from and go to: serial ports, pseudo-terminals, memory."""
