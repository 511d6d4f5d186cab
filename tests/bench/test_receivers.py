"""The receivers of a bench: what is known of how a loss of them shows."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from miio_lan.bench.receivers import begin, tap_at
from miio_lan.bench.recorder import Recorder
from miio_lan.uart.ports.port import has_ptys
from miio_lan.uart.ports.remote import LOST_AFTER


def test_a_receiver_at_another_computer_may_be_lost_for_a_while_before_that_shows() -> None:
    recorder = Recorder()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with closing(tap_at(url, url, recorder.observe)) as tap:
            assert recorder.loss_shows_after == 0.0
            begin(tap, recorder)
            assert recorder.loss_shows_after == LOST_AFTER


@pytest.mark.skipif(not has_ptys(), reason="no pseudo-terminals")
def test_a_receiver_at_this_computer_is_known_to_be_lost_at_once() -> None:
    recorder = Recorder()
    with closing(tap_at("pty", "pty", recorder.observe)) as tap:
        begin(tap, recorder)
        assert recorder.loss_shows_after == 0.0
