"""The computer's interface goes down and comes up, and its address changes: the same devices go on, in both faces.

In network namespaces made for this test; skipped where that is not allowed.
"""

from __future__ import annotations

from support.namespaces import ran_in_a_network_of_its_own


def test_both_faces_go_on_after_the_interface_was_down() -> None:
    found = ran_in_a_network_of_its_own("pulled_cable.py", "ip link add v0 type veth peer name v1")
    well = {"blocking": "ok", "awaited": "ok"}
    (each,) = found
    assert each["before"] == well
    assert all(said.startswith("DeviceTimeout: ") for said in each["down"].values())
    # The call in the middle of a change may fail; the next one may not.
    assert each["after the cable"] == each["after that"] == each["after the change"] == well
