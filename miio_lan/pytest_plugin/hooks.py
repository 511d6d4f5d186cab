"""The entry point: options and settings. Loaded with every pytest run, so it loads nothing that costs time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_OPTIONS = (
    (
        "bench",
        "FILE",
        "the bench file: products by name, each with its address, token, ports and description",
    ),
    ("host", "HOST", "address or name of the product to test"),
    ("token", "TOKEN", "its token, 32 hexadecimal digits (or the environment variable MIIO_LAN_TOKEN)"),
    ("port", "PORT", "its UDP port, 54321 by default"),
    (
        "uart",
        "URL",
        "a receiver at the UART: of the module's TX when --miio-uart-up is given, else of either TX",
    ),
    ("uart-up", "URL", "a second receiver, at the MCU's TX"),
    (
        "spec",
        "FILE",
        (
            "the product's description, .json (MIoT instance) or .toml; a model that 'miio-lan spec fetch' has got; "
            "or a shipped one: lamp, purifier"
        ),
    ),
    ("poll-interval", "SECONDS", "how often the virtual MCU asks for work, 0.02 by default (real ones: 0.2)"),
    ("retries", "N", "further attempts of a command, 3 by default; 0: exactly one datagram carries each"),
    (
        "power",
        "COMMAND",
        "switches the product: 'uhubctl -l 1-1 -p 2 -a {action}', where {action} becomes on or off",
    ),
    (
        "labgrid",
        "PLACE",
        "the product of a place of labgrid's coordinator, or of a target in FILE.yaml (FILE.yaml:TARGET)",
    ),
    ("logs", "DIR", "where the text log of each test goes, beside its recording; none is written by default"),
    ("recordings", "DIR", "where recordings go, miio-recordings by default"),
    ("keep", "WHICH", "which recordings are kept: failed (default), all or none"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and a setting of the same name for each."""
    group = parser.getgroup("miio", "end-to-end tests of miIO and MIoT products (miio-lan)")
    for name, metavar, text in _OPTIONS:
        key = f"miio_{name.replace('-', '_')}"
        group.addoption(f"--miio-{name}", dest=key, metavar=metavar, default=None, help=text)
        parser.addini(key, text, default=None)
    text = "test a virtual product instead of a real one"
    group.addoption("--miio-virtual", dest="miio_virtual", action="store_true", default=None, help=text)
    parser.addini("miio_virtual", text, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Check the settings, and bring in fixtures and reports."""
    from miio_lan.pytest_plugin import comparing, fixtures, products
    from miio_lan.pytest_plugin.reports import Reports
    from miio_lan.pytest_plugin.settings import SETTINGS, Settings

    config.addinivalue_line(
        "markers", "miio(product, ...): the products of the bench file that a test is of; all by default"
    )
    config.stash[SETTINGS] = settings = Settings.of(config)
    config.pluginmanager.register(fixtures, "miio_lan_fixtures")
    config.pluginmanager.register(comparing, "miio_lan_comparing")
    config.pluginmanager.register(products, "miio_lan_products")
    if settings.entries is not None:
        config.pluginmanager.register(products.Sharing(settings), "miio_lan_sharing")
    config.pluginmanager.register(Reports(config), "miio_lan_reports")
