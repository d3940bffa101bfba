// Geofences: those there are on the map, and one that is drawn, imported or changed.
import { send, wrong } from "./ask.js";
import { boundsOf, colour, LABELS, makeMap } from "./map.js";
import { Marker } from "./maplibre/maplibre-gl.mjs";
import { _, label, make, time } from "./words.js";

const { geofences } = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("form");
const tried = document.getElementById("tried");
const EARTH_M = 6_371_000;
const ROUND = 64; // corners of a circle
const flat = (geometry) => geometry.coordinates.flat(Infinity).reduce((pairs, each, i, all) => (i % 2 ? pairs : [...pairs, [each, all[i + 1]]]), []);
const places = geofences.flatMap(({ geometry }) => flat(geometry));
const { map, drawNames, explain } = await makeMap(document.getElementById("map"), { places }, () => geofences.map((it) => (
  { ...LABELS.station, text: it.name, at: boundsOf(flat(it.geometry)).getCenter().toArray() }
)));
const features = (all) => ({ type: "FeatureCollection", features: all.map(({ geometry, radius_m }) => ({ type: "Feature", properties: {}, geometry: outline(geometry, radius_m) })) });
const areas = (source, of) => {
  map.addLayer({ id: `${source}-fill`, type: "fill", source, filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": of, "fill-opacity": 0.2 } });
  map.addLayer({ id: `${source}-line`, type: "line", source, paint: { "line-color": of, "line-width": 2 } });
};
map.addSource("geofences", { type: "geojson", data: features(geofences) });
areas("geofences", colour("planned"));
map.addSource("draft", { type: "geojson", data: features([]) });
areas("draft", colour("travelled"));
map.addSource("raised", { type: "geojson", data: features([]) });
map.addLayer({
  id: "raised", type: "circle", source: "raised",
  paint: { "circle-radius": 5, "circle-color": colour("alarm"), "circle-stroke-color": colour("paper"), "circle-stroke-width": 1.5 },
});
explain([["area", _("Geofence")], ["area draft", _("Being drawn")], ["raised", _("Event of a past track")]]);
drawNames();
document.querySelectorAll("main [disabled]").forEach((it) => { it.disabled = false; }); // what is pressed does something from now on

/** What a geofence covers: of a point or line with a radius, roughly, as it is drawn. */
function outline(geometry, radius) {
  if (!radius) return geometry;
  const around = ([lon, lat]) => [...Array(ROUND + 1).keys()].map((i) => {
    const [turn, reach] = [(2 * Math.PI * i) / ROUND, (radius / EARTH_M) * (180 / Math.PI)];
    return [lon + (reach * Math.cos(turn)) / Math.cos((lat * Math.PI) / 180), lat + reach * Math.sin(turn)];
  });
  if (geometry.type === "Point") return { type: "Polygon", coordinates: [around(geometry.coordinates)] };
  const lines = geometry.type === "LineString" ? [geometry.coordinates] : geometry.coordinates;
  return { type: "GeometryCollection", geometries: [geometry, ...lines.flat().map((at) => ({ type: "Polygon", coordinates: [around(at)] }))] };
}

const go = (it) => map.fitBounds(boundsOf(flat(outlinePlain(it))), { padding: 60, maxZoom: 12 });
const outlinePlain = ({ geometry, radius_m }) => (geometry.type === "Point" && radius_m ? outline(geometry, radius_m) : geometry);
const find = (number) => geofences.find((it) => String(it.number) === number);
document.querySelectorAll("[data-show]").forEach((button) => button.addEventListener("click", () => go(find(button.dataset.show))));

if (form) {
  let [shape, corners, markers] = [null, [], []];
  const text = form.elements.geometry;
  const radius = () => (shape === "Polygon" ? null : Number(form.elements.radius_m.value) || null);

  /** The drawn one as GeoJSON; null while it has too few corners. */
  const geometry = () => {
    if (shape === "Point" && corners.length) return { type: shape, coordinates: corners[0] };
    if (shape === "LineString" && corners.length > 1) return { type: shape, coordinates: corners };
    if (shape === "Polygon" && corners.length > 2) return { type: shape, coordinates: [[...corners, corners[0]]] };
    return null;
  };

  const draw = () => {
    const drawn = geometry();
    map.getSource("draft").setData(features(drawn ? [{ geometry: drawn, radius_m: radius() }] : corners.length > 1 ? [{ geometry: { type: "LineString", coordinates: corners } }] : []));
    text.value = drawn ? JSON.stringify(drawn) : "";
    document.querySelectorAll("[data-shape]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.shape === shape)));
    form.elements.radius_m.disabled = shape === "Polygon";
  };

  const handles = () => {
    markers.forEach((marker) => marker.remove());
    markers = corners.map((at, i) => {
      const handle = make("button", { type: "button", class: "corner", "aria-label": _("Point {number}", { number: i + 1 }) });
      const marker = new Marker({ element: handle, draggable: true }).setLngLat(at).addTo(map);
      marker.on("drag", () => {
        corners[i] = rounded(marker.getLngLat());
        draw();
      });
      handle.addEventListener("click", (event) => {
        event.stopPropagation();
        corners.splice(i, 1);
        handles();
        draw();
      });
      return marker;
    });
  };

  const begin = (chosen, of = []) => {
    [shape, corners] = [chosen, of];
    tried.replaceChildren();
    map.getSource("raised").setData(features([]));
    map.getCanvas().style.cursor = shape ? "crosshair" : "";
    handles();
    draw();
  };

  /** Take a geometry over: what can be drawn gets corners, all else stays as it is. */
  const take = (given, of) => {
    const simple = { Point: (it) => [it.coordinates], LineString: (it) => it.coordinates, Polygon: (it) => (it.coordinates.length === 1 ? it.coordinates[0].slice(0, -1) : null) };
    if (of) form.elements.radius_m.value = of;
    const found = simple[given.type]?.(given);
    if (found) begin(given.type, found);
    else {
      begin(null);
      map.getSource("draft").setData(features([{ geometry: given, radius_m: of }]));
      text.value = JSON.stringify(given);
    }
    go({ geometry: given, radius_m: of });
  };

  map.on("click", ({ lngLat }) => {
    if (!shape) return;
    corners = shape === "Point" ? [rounded(lngLat)] : [...corners, rounded(lngLat)];
    handles();
    draw();
  });
  document.querySelectorAll("[data-shape]").forEach((button) => button.addEventListener("click", () => begin(button.dataset.shape)));
  form.elements.radius_m.addEventListener("input", draw);
  form.addEventListener("reset", () => {
    form.elements.changed.value = "";
    setTimeout(() => begin(null));
    document.getElementById("what").textContent = _("New geofence");
  });
  document.querySelectorAll("[data-edit]").forEach((button) => button.addEventListener("click", () => {
    const it = find(button.dataset.edit);
    form.elements.changed.value = it.number;
    form.elements.name.value = it.name;
    document.getElementById("what").textContent = _("Change {name}", { name: it.name });
    take(it.geometry, it.radius_m);
    form.scrollIntoView({ block: "nearest" });
    form.elements.name.focus();
  }));

  /** A text of GeoJSON: a geometry, a feature, or a collection of one. The server says what is wrong with others. */
  const read = (given) => {
    text.value = given;
    try {
      const parsed = JSON.parse(given);
      const feature = parsed.type === "FeatureCollection" && parsed.features.length === 1 ? parsed.features[0] : parsed;
      if (feature.properties?.name && !form.elements.name.value) form.elements.name.value = feature.properties.name;
      take(feature.geometry ?? feature, feature.properties?.radius_m ?? Number(form.elements.radius_m.value));
    } catch {
      text.closest("details").open = true;
    }
    if (!text.value) text.value = given;
  };
  text.addEventListener("change", () => read(text.value));
  document.getElementById("file").addEventListener("change", async ({ target }) => target.files[0] && read(await target.files[0].text()));
  document.getElementById("try").addEventListener("click", async () => {
    const { refused, answer } = await send("/geofences/try", { geometry: text.value, radius_m: shape === "Polygon" ? null : radius() });
    tried.replaceChildren(...(refused ? [make("p", { class: wrong(refused) }, refused)] : told(answer)));
    tried.scrollIntoView({ block: "nearest" });
    if (answer) {
      const points = answer.events.filter((it) => it.longitude !== null).map((it) => ({ geometry: { type: "Point", coordinates: [it.longitude, it.latitude] } }));
      map.getSource("raised").setData(features(points));
    }
  });
  if (text.value) read(text.value); // of a form that was refused
}

const rounded = ({ lng, lat }) => [Number(lng.toFixed(5)), Number(lat.toFixed(5))];

/** What it would have raised, in words. */
function told({ trips, raising, count, events }) {
  const whole = _("It would have raised {count} events on {raising} of the newest {trips} trips.", { count, raising, trips });
  const rows = events.map((it) => make(
    "tr", {}, make("td", {}, time(it.time, "at")), make("td", { class: "sentence" }, label(it.action)),
    make("td", {}, make("a", { href: `/devices/${encodeURIComponent(it.device)}` }, it.container)),
  ));
  const body = make("div", { class: "rows short", tabindex: "0", role: "region", "aria-label": _("Events") }, make("table", {}, make("tbody", {}, ...rows)));
  return [make("p", {}, make("b", {}, whole)), ...(events.length ? [body] : [])];
}
