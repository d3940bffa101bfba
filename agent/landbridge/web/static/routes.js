// Routes: those there are, and one that is drawn, imported or changed. Its text is what counts, the map shows it.
import { json, send, wrong } from "./ask.js";
import { boundsOf, makeMap } from "./map.js";
import { drawRoute, ROUTE_LAYERS, ROUTE_SIGNS } from "./route.js";
import { _, make } from "./words.js";

const { routes } = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("form");
const tried = document.getElementById("tried");
const at = ({ longitude, latitude }) => [longitude, latitude];
const places = routes.flatMap(({ stations }) => stations.map(at));
let names = () => [];
const { map, drawNames, explain } = await makeMap(document.getElementById("map"), { places }, () => names());
explain(ROUTE_SIGNS.slice(1)); // none of it is travelled
document.querySelectorAll("main [disabled]").forEach((it) => { it.disabled = false; }); // what is pressed does something from now on

function show(stations, near = true) {
  ROUTE_LAYERS.filter((id) => map.getLayer(id)).forEach((id) => map.removeLayer(id));
  ["route", "stations"].filter((id) => map.getSource(id)).forEach((id) => map.removeSource(id));
  names = drawRoute(map, { stations, km: null });
  if (near && stations.length) map.fitBounds(boundsOf(stations.map(at)), { padding: 40, maxZoom: 9 });
  drawNames();
}

const find = (name) => routes.find(({ route }) => route === name);
document.querySelectorAll("[data-show]").forEach((button) => button.addEventListener("click", () => show(find(button.dataset.show).stations)));
if (routes.length) show(routes[0].stations);

/** A cell of CSV. */
const cell = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
const say = (said, kind = "") => tried.replaceChildren(...(said ? [make("p", { class: kind }, make("b", {}, said))] : []));

if (form) {
  const text = form.elements.stations;
  const columns = text.dataset.columns.split(",");

  /** Draw the stations of the text, or say what is wrong with it; its stations, or undefined. */
  const draw = async (near = true) => {
    const { refused, answer } = await send("/routes/read", { stations: text.value });
    say(refused, wrong(refused ?? ""));
    if (answer) show(answer.stations, near);
    return answer;
  };
  const add = (it) => {
    const line = columns.map((name) => cell(it[name] ?? "")).join(",");
    text.value = `${text.value.replace(/\n*$/, "\n")}${line}\n`;
  };
  const empty = `${columns.join(",")}\n`;

  map.on("click", async ({ lngLat }) => {
    const [lat, lon] = [lngLat.lat.toFixed(4), lngLat.lng.toFixed(4)];
    const near = await json(`/routes/place?lat=${lat}&lon=${lon}`);
    add({ ...near, lat, lon, kind: "yard" });
    await draw(false);
  });
  map.getCanvas().style.cursor = "crosshair";

  /** GeoJSON as lines: points as stations with their properties, else the corners of a line. */
  const ofGeoJson = async (given) => {
    const { features = [given] } = given;
    const points = features.filter(({ geometry }) => geometry?.type === "Point");
    const line = features.map((it) => it.geometry ?? it).find(({ type }) => type === "LineString");
    const stations = points.length ? points.map((it) => [it.geometry.coordinates, it.properties ?? {}]) : (line?.coordinates ?? []).map((place) => [place, {}]);
    text.value = empty;
    for (const [[lon, lat], properties] of stations) {
      const near = properties.name && properties.country ? {} : await json(`/routes/place?lat=${lat}&lon=${lon}`);
      add({ kind: "yard", ...near, ...properties, lat, lon });
    }
  };
  document.getElementById("file").addEventListener("change", async ({ target }) => {
    if (!target.files[0]) return;
    const given = await target.files[0].text();
    try {
      await ofGeoJson(JSON.parse(given));
    } catch {
      text.value = given;
    }
    form.elements.name.value ||= target.files[0].name.replace(/\.\w+$/, "");
    const read = await draw();
    if (read) text.value = read.csv; // whatever the file has between its cells
  });
  text.addEventListener("change", () => draw());
  form.addEventListener("reset", () => {
    form.elements.changed.value = "";
    document.getElementById("what").textContent = _("New route");
    setTimeout(() => {
      text.value = empty;
      tried.replaceChildren();
      show([]);
    });
  });
  document.querySelectorAll("[data-edit]").forEach((button) => button.addEventListener("click", () => {
    const it = find(button.dataset.edit);
    form.elements.changed.value = it.route;
    form.elements.name.value = it.route;
    text.value = it.csv;
    document.getElementById("what").textContent = _("Change {name}", { name: it.route });
    show(it.stations);
    form.elements.name.focus();
  }));
  document.getElementById("try").addEventListener("click", async () => {
    const { refused, answer } = await send("/routes/try", { stations: text.value });
    if (refused) say(refused, wrong(refused));
    else say(_("Within 150 km of this route: {on_route} of {fixes} positions of the newest trips. Trips that touch it: {trips}.", answer));
  });
  if (text.value !== empty) draw(); // of a form that was refused
}
