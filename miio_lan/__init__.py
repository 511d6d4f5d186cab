"""LAN client for Xiaomi miIO/MIoT products."""
