"""The Wi-Fi module: its rules between LAN and UART."""
