"""Prints what the agent passes on: python subscriber.py HOST PORT CA_FILE USER PASSWORD"""

import sys

import paho.mqtt.client as mqtt

host, port, ca_file, user, password = sys.argv[1:]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.username_pw_set(user, password)
client.tls_set(ca_file)
client.on_connect = lambda *_: client.subscribe("landbridge/out/#", qos=1)
client.on_message = lambda _client, _data, message: print(message.topic, message.payload.decode(), flush=True)
client.connect(host, int(port))
client.loop_forever()
