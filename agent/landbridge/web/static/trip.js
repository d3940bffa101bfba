// One trip: its track on the map, the route that it takes and its events.
import { json } from "./ask.js";
import * as eventView from "./events.js";
import { colour, makeMap, show, STATES } from "./map.js";
import { drawRoute, ROUTE_LAYERS, ROUTE_SIGNS } from "./route.js";
import { _ } from "./words.js";

const { trip, device } = document.getElementById("trip").dataset;
const { events, way } = JSON.parse(document.getElementById("data").textContent);
const track = await json(`/v1/devices/${encodeURIComponent(device)}/track?trip=${trip}&limit=10000`);
const gone = track.features.filter(({ geometry }) => geometry).map(({ geometry }) => geometry.coordinates.slice(0, 2));
const places = gone.length ? gone : way.stations.map((it) => [it.longitude, it.latitude]);
let stations = () => [];
const { map, drawNames, offer, explain } = await makeMap(document.getElementById("map"), { places }, () => [...eventView.names(events), ...stations()]);
map.addSource("events", { type: "geojson", data: eventView.features(events) });
map.addLayer({
  id: "events", type: "circle", source: "events",
  paint: { "circle-radius": 6, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": eventView.COLOUR_OF_TYPE, "circle-stroke-width": 3 },
});
const line = (coordinates) => ({ type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } });
explain([["track", _("Track")], ["here", _("Last position")], ...eventView.SIGNS]);
map.addSource("track", { type: "geojson", data: line(gone) });
map.addLayer({ id: "track", type: "line", source: "track", paint: { "line-color": colour("travelled"), "line-width": 2.5 } });
if (gone.length) {
  map.addSource("here", { type: "geojson", data: { type: "Point", coordinates: gone.at(-1) } });
  map.addLayer({
    id: "here", type: "circle", source: "here",
    paint: { "circle-radius": 7, "circle-color": STATES.moving, "circle-stroke-color": "#fff", "circle-stroke-width": 3 },
  });
}
if (way.stations.length) {
  const names = drawRoute(map, way, "events");
  explain(ROUTE_SIGNS);
  let isOn = true;
  stations = () => (isOn ? names() : []);
  offer(_("Route and stations"), (chosen) => {
    isOn = chosen;
    show(map, ROUTE_LAYERS, isOn);
    drawNames();
  });
}
drawNames();
const body = document.querySelector("#events tbody");
if (body) {
  eventView.list(body, events.filter(({ time }) => time), (at) => {
    location.href = `/devices/${encodeURIComponent(device)}?at=${new Date(at).toISOString()}`;
  });
}
