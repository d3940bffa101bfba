"""Prints what the agent publishes: python subscriber.py HOST PORT CA_FILE USER PASSWORD [TENANT]"""

import sys

import paho.mqtt.client as mqtt

host, port, ca_file, user, password, *tenant = sys.argv[1:]
topic = "/".join(["landbridge/out", *tenant, "#"])


def connected(client, _userdata, _flags, reason, _properties):
    if reason.is_failure:
        sys.exit(f"the broker refuses {user}: {reason}")
    client.subscribe(topic, qos=1)


def subscribed(_client, _userdata, _mid, reasons, _properties):
    if reasons[0].is_failure:
        sys.exit(f"{user} may not read {topic}: name the tenant as the last argument")


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.username_pw_set(user, password)
client.tls_set(ca_file)
client.on_connect = connected
client.on_subscribe = subscribed
client.on_message = lambda _client, _data, message: print(message.topic, message.payload.decode(), flush=True)
client.connect(host, int(port))
client.loop_forever()
