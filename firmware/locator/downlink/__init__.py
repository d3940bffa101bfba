"""Handlers of downlinks: what the agent requests in addition to acknowledgements, and its results.

A downlink's keys from 4 on are requests; an uplink's keys from 6 on report their results. Each kind has a
module of its own, imported only when there is something for it:

    take(handlers, value)   do, or note for later, what the downlink says under this module's key; never
                            raises on bad values: it notes the refusal, which is reported like a result
    write(handlers, out)    write this module's pairs of the uplink map, keys rising; returns their number
    on_ack(handlers)        the agent has what was written last: forget it

What must survive is in flash before it is done. `state.TO_REPORT` has a bit for each module with
something to report, so that a wake without downlinks imports none of this.
"""
