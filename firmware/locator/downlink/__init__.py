"""Obey: what the agent asks of the device beside keeping its records, and what became of it.

A reply's keys from 4 on are orders; an uplink's keys from 6 on say what became of them. Each kind has a
module of its own, imported only when there is something for it:

    take(desk, value)   do, or note for later, what the reply says under this module's key; never raises
                        on bad values: it notes the refusal, which is told like a result
    write(desk, out)    write this module's pairs of the uplink map, keys rising; returns their number
    told(desk)          the agent has what was written last: forget it

What must survive is in flash before it is done. `plan.state.TO_TELL` has a bit for each module with
something to say, so that a wake without orders imports none of this.
"""
