"""The contract with the device, as bytes: nothing here knows MQTT or SQL.

`docs/protocol/` describes it; both sides pass its vectors.
"""
