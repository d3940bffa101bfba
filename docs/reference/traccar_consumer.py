"""Shows each fix that Traccar would get: python traccar_consumer.py PORT

The address of an integration of the kind traccar is http://<this host>:PORT/. It speaks the OsmAnd protocol:
a request for each fix, time and speed in Unix seconds and knots; late fixes have their own time. Port 0 is
any free one."""

import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        fix = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        time = datetime.fromtimestamp(int(fix["timestamp"]), UTC)
        kmh = float(fix["speed"]) * 1.852
        valid = "" if fix["valid"] == "true" else " doubtful"
        place = f"{fix['lat']} {fix['lon']}"
        print(f"{fix['id']} {time:%Y-%m-%dT%H:%M:%SZ} {place} {kmh:.0f} km/h{valid}", flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


if len(sys.argv) != 2:
    sys.exit(__doc__)
server = HTTPServer(("", int(sys.argv[1])), Receiver)
print("listening on", server.server_port, flush=True)
server.serve_forever()
