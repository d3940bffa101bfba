// One trip: its track on the map and its events.
import { json } from "./ask.js";
import * as eventView from "./events.js";
import { colour, makeMap } from "./map.js";

const { trip, device } = document.getElementById("trip").dataset;
const events = JSON.parse(document.getElementById("data").textContent);
const track = await json(`/v1/devices/${encodeURIComponent(device)}/track?trip=${trip}&limit=10000`);
const places = track.features.filter(({ geometry }) => geometry).map(({ geometry }) => geometry.coordinates.slice(0, 2));
const { map, drawNames } = await makeMap(document.getElementById("map"), { places }, () => eventView.names(events));
map.addSource("track", { type: "geojson", data: { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: places } } });
map.addLayer({ id: "track", type: "line", source: "track", paint: { "line-color": colour("travelled"), "line-width": 3 } });
map.addSource("events", { type: "geojson", data: eventView.features(events) });
map.addLayer({
  id: "events", type: "circle", source: "events",
  paint: { "circle-radius": 6, "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": eventView.COLOUR_OF_TYPE, "circle-stroke-width": 3 },
});
drawNames();
const body = document.querySelector("#events tbody");
if (body) {
  eventView.list(body, events.filter(({ time }) => time), (at) => {
    location.href = `/devices/${encodeURIComponent(device)}?at=${new Date(at).toISOString()}`;
  });
}
