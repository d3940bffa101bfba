"""Small trips for tests of the lab."""

import numpy as np

from tools.lab.costs import costs
from tools.lab.instances import Instance
from tools.lab.physics import Device, Mission, run
from tools.lab.routes import corridor
from tools.world.radio.sites import Operator

NETWORKS = (Operator("46000", "CN", ("gsm",)), Operator("46001", "CN", ("gsm",)))


def trip(km, rsrp, sky=None, networks=NETWORKS, factor=None, route="w1") -> Instance:
    """A trip on a line without scatter or bad luck; `rsrp` has a row a network."""
    km = np.array(km, dtype=float)
    slots = len(km)
    here = corridor(route)
    return Instance(
        name="small",
        corridor=here,
        km=km,
        moving=np.diff(km, append=km[-1]) > 0.2,
        lat=np.zeros(slots),
        lon=np.zeros(slots),
        country=tuple(here.route.country(each) for each in km),
        networks=networks[: len(rsrp)],
        factor=np.array(factor or [1.0] * len(rsrp)),
        rsrp=np.array(rsrp, dtype=float),
        sky=np.ones(slots, dtype=bool) if sky is None else np.array(sky),
        battery_c=np.zeros(slots),
        fix_noise=np.ones(slots),
        upload_noise=np.ones(slots),
        luck=np.full(slots, 0.999),
    )


class Script:
    """A policy that does what a function says in each slot."""

    def __init__(self, act) -> None:
        self._act = act

    def slot(self, device: Device) -> None:
        """One slot."""
        self._act(device)


def live(instance, act, budget_j=1e6, modem="bg95", **rules):
    """Run a function of the device through a trip."""
    mission = Mission(costs(modem), budget_j, instance.corridor, instance.networks, **rules)
    return run(instance, lambda _: Script(act), mission)
