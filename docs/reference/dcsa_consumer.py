"""Keeps the DCSA events that are true: python dcsa_consumer.py PORT SECRET

The address of an integration of the kind dcsa is http://<this host>:PORT/. An event may come twice; a later
one takes back or replaces the one that it names. Each change is printed; port 0 is any free one."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from webhook import is_genuine_dcsa

if len(sys.argv) != 3:
    sys.exit(__doc__)
port, secret = int(sys.argv[1]), sys.argv[2]
events = {}


def take(event):
    """Keep an event, in place of the one that it names; a retraction has no payload."""
    metadata, payload = event["metadata"], event.get("payload")
    if old := events.pop(metadata.get("retractedEventID"), None):
        print("not true:", old, flush=True)
    if payload is None:
        return
    codes = [name for name in payload if name.endswith(("EventTypeCode", "iotEventCode"))]
    what = f"{payload['eventClassifierCode']} {payload[codes[-1]]} {payload['eventDateTime']}"
    if metadata["eventID"] not in events:
        events[metadata["eventID"]] = what
        print("event:", what, flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        ours = is_genuine_dcsa(secret, headers, body)
        if ours:
            for event in json.loads(body):
                take(event)
        self.send_response(204 if ours else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("", port), Receiver)
print("listening on", server.server_port, flush=True)
server.serve_forever()
