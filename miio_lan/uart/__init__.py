"""The UART wire: lines, commands and ports."""
