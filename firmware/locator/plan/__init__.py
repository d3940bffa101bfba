"""Decide: pure functions on integers, no I/O. The same file runs on the device and on a desk.

    state.feel(state, senses)           what the wake begins with
    decide.next(state, senses, hints)   -> Action, again and again until it is SLEEP
    state.learn(state, action, outcome) what came of it

All times are seconds since power-on (`clock_s`), which always grows; the wall clock only dates records.
"""
