// Where one container is.
import { makeMap, STATES } from "./map.js";

const { latitude, longitude } = JSON.parse(document.getElementById("data").textContent);
const known = latitude !== null;
const { map } = await makeMap(document.getElementById("map"), known ? { center: [longitude, latitude], zoom: 4 } : {});
if (known) {
  map.addSource("here", { type: "geojson", data: { type: "Point", coordinates: [longitude, latitude] } });
  map.addLayer({
    id: "here", type: "circle", source: "here",
    paint: { "circle-radius": 9, "circle-color": STATES.moving, "circle-stroke-color": "#fff", "circle-stroke-width": 3 },
  });
}
setTimeout(() => location.reload(), 600_000);
