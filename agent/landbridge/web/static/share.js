// Where one container is, and the route that it is on.
import { boundsOf, makeMap, STATES } from "./map.js";
import { drawRoute, ROUTE_SIGNS } from "./route.js";
import { _ } from "./words.js";

// Within a page of another site, that page has its own heading.
if (window.top !== window) document.body.classList.add("embedded");
document.getElementById("print").addEventListener("click", () => window.print());
const { latitude, longitude, way } = JSON.parse(document.getElementById("data").textContent);
const known = latitude !== null;
const places = [...way.stations.map((it) => [it.longitude, it.latitude]), ...(known ? [[longitude, latitude]] : [])];
const NEAREST = 6;
let names = () => [];
// Kept, so that it can be printed.
const { map, drawNames, explain } = await makeMap(document.getElementById("map"), {
  places, canvasContextAttributes: { preserveDrawingBuffer: true }, fitBoundsOptions: { padding: room(), maxZoom: NEAREST },
}, () => names());
names = drawRoute(map, way);
if (way.stations.length) explain(ROUTE_SIGNS);
if (known) {
  explain([["here", _("Last position")]]);
  map.addSource("here", { type: "geojson", data: { type: "Point", coordinates: [longitude, latitude] } });
  map.addLayer({
    id: "here", type: "circle", source: "here",
    paint: { "circle-radius": 9, "circle-color": STATES.moving, "circle-stroke-color": "#fff", "circle-stroke-width": 3 },
  });
}
drawNames();
matchMedia("print").addEventListener("change", () => {
  map.resize();
  if (places.length) map.fitBounds(boundsOf(places), { padding: room(), maxZoom: NEAREST, animate: false });
});
setTimeout(() => location.reload(), 600_000);

/** What the card leaves of the map. */
function room() {
  const [card, all] = [".over", "#map"].map((each) => document.querySelector(each).getBoundingClientRect());
  if (card.top >= all.bottom) return 40; // on a phone and on paper it is below the map
  return { top: 50, right: 50, left: Math.min(card.right - all.left + 60, all.width / 2), bottom: 50 };
}
