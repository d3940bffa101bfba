"""The search of a BG95: the order of network types, and the bands (BG96 network searching note V1.2)."""

from locator.modem import GSM, LTE_M, NB_IOT

_ALL_KINDS = (LTE_M, GSM, NB_IOT)
# Before the same commands again: what is set already begins no search.
_OTHERWISE = (b'+QCFG="nwscanseq",00,0',)
_ALL_BANDS = b"F,400A0E189F,A0E189F"


def commands(region, again):
    """The commands for a region of scheduler/regions.py; None: everything, the factory setting;
    `again`: it searches again in any case."""
    order, bands = region or (_ALL_KINDS, ())
    mask = 0
    for band in bands:
        mask |= 1 << (band - 1)
    return (_OTHERWISE if again else ()) + (
        b'+QCFG="nwscanseq",%s,1' % b"".join([b"%02d" % kind for kind in order]),
        b'+QCFG="iotopmode",%d,1' % (2 if NB_IOT in order else 0),
        b'+QCFG="band",%s,1' % (b"3,%X,%X" % (mask, mask) if bands else _ALL_BANDS),
    )
