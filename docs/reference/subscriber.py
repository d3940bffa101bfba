"""Prints what the agent publishes: python subscriber.py HOST PORT CA_FILE USER PASSWORD [TENANT]"""

import sys

import paho.mqtt.client as mqtt

if len(sys.argv) not in (6, 7):
    sys.exit(__doc__)
host, port, ca_file, user, password, *tenant = sys.argv[1:]
topic = "/".join(["landbridge/out", *tenant, "#"])


def connected(client, _userdata, _flags, reason, _properties):
    if reason.is_failure:
        sys.exit(f"the broker refuses {user}: {reason}")
    client.subscribe(topic, qos=1)


def subscribed(_client, _userdata, _mid, reasons, _properties):
    if reasons[0].is_failure:
        sys.exit(f"{user} may not read {topic}: name your tenant as the last argument")


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.username_pw_set(user, password)
client.on_connect = connected
client.on_subscribe = subscribed
client.on_message = lambda _client, _data, message: print(message.topic, message.payload.decode(), flush=True)
try:
    client.tls_set(ca_file)
    client.connect(host, int(port))
except (OSError, ValueError) as error:
    sys.exit(f"no connection to {host}:{port} with the CA in {ca_file}: {error}")
client.loop_forever()
