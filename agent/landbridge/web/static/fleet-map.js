// The map of the fleet: what the list shows, in groups, and a box to select devices with.
import { grouped, SINGLE_ZOOM } from "./clusters.js";
import { boundsOf, LABELS, makeMap, STATES } from "./map.js";
import { _, label, make } from "./words.js";

/** The map around `rows`, with what is `listed()` in groups; `choose` gets the rows in a box that is drawn. Returns what
 * draws the groups again. */
export async function drawMap(rows, listed, choose) {
  let groups = [];
  let level = null; // the zoom that the groups are for
  const places = rows.flatMap(({ at }) => (at ? [at] : []));
  const around = { places, fitBoundsOptions: { padding: 60, maxZoom: 4 } };
  const { map, drawNames, explain } = await makeMap(document.getElementById("map"), around, () => groups.map(nameOf));
  const group = () => {
    level = Math.floor(map.getZoom());
    groups = grouped(listed().filter(({ at }) => at), level);
    return features(groups);
  };
  const ofState = ["match", ["get", "state"], ...Object.entries(STATES).flat(), "#888"];
  map.addSource("fleet", { type: "geojson", data: group() });
  map.addLayer({
    id: "clusters", type: "circle", source: "fleet", filter: ["has", "point_count"],
    paint: {
      "circle-radius": ["step", ["get", "point_count"], 13, 10, 17, 100, 22, 1000, 28],
      // What most of them do; the ring says that one has an alarm.
      "circle-color": ofState, "circle-opacity": 0.9,
      "circle-stroke-color": ["case", ["get", "alarm"], STATES.alarm, "#fff"],
      "circle-stroke-width": ["case", ["get", "alarm"], 4, 2],
    },
  });
  map.addLayer({
    id: "devices", type: "circle", source: "fleet", filter: ["!", ["has", "point_count"]],
    paint: { "circle-radius": 7, "circle-color": ofState, "circle-stroke-color": "#fff", "circle-stroke-width": 2 },
  });
  map.on("click", "devices", ({ features: [found] }) => { location.href = `/devices/${encodeURIComponent(found.properties.device)}`; });
  map.on("click", "clusters", ({ features: [found] }) => (
    map.fitBounds(boundsOf(groups[found.properties.group].rows.map(({ at }) => at)), { padding: 80, maxZoom: SINGLE_ZOOM })
  ));
  for (const layer of ["devices", "clusters"]) {
    map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
  }
  explain([
    ...Object.keys(STATES).map((state) => [`state ${state}`, label(state)]),
    ["group", _("Several devices; colour of the most frequent state")], ["group alarm", _("Several devices, at least one with an open alarm")],
  ]);
  const regroup = () => {
    map.getSource("fleet").setData(group());
    drawNames();
  };
  map.on("zoom", () => level !== Math.floor(map.getZoom()) && regroup());
  drawNames();
  map.once("idle", () => performance.mark("usable"));
  if (choose) selectBy(map, ([west, south], [east, north]) => (
    choose(listed().filter(({ at }) => at && at[0] >= west && at[0] <= east && at[1] >= south && at[1] <= north))
  ));
  return regroup;
}

/** A button that has the next drag draw a box; `chosen` gets its corners: south-west, north-east. */
function selectBy(map, chosen) {
  const button = make("button", { type: "button", class: "select", "aria-pressed": "false", title: _("Draw a box around devices to select them") }, _("Select devices"));
  const box = make("div", { class: "box", hidden: "" });
  map.getContainer().append(box);
  map.addControl({
    onAdd: () => {
      const place = make("div", { class: "maplibregl-ctrl maplibregl-ctrl-group" });
      place.append(button);
      return place;
    },
    onRemove: () => button.remove(),
  }, "top-left");
  const wait = (isOn) => {
    button.setAttribute("aria-pressed", isOn);
    map.getCanvas().style.cursor = isOn ? "crosshair" : "";
    map.dragPan[isOn ? "disable" : "enable"]();
  };
  button.addEventListener("click", () => wait(button.getAttribute("aria-pressed") !== "true"));
  let begin = null;
  map.on("mousedown", (event) => {
    if (button.getAttribute("aria-pressed") !== "true") return;
    event.preventDefault();
    begin = event;
  });
  map.on("mousemove", ({ point }) => {
    if (!begin) return;
    const [x, y] = [Math.min(point.x, begin.point.x), Math.min(point.y, begin.point.y)];
    const [width, height] = [Math.abs(point.x - begin.point.x), Math.abs(point.y - begin.point.y)];
    Object.assign(box.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    box.hidden = false;
  });
  map.on("mouseup", ({ lngLat }) => {
    if (!begin) return;
    const [a, b] = [begin.lngLat, lngLat];
    begin = null;
    box.hidden = true;
    wait(false);
    chosen([Math.min(a.lng, b.lng), Math.min(a.lat, b.lat)], [Math.max(a.lng, b.lng), Math.max(a.lat, b.lat)]);
  });
}

function features(groups) {
  return {
    type: "FeatureCollection",
    features: groups.map(({ rows: [first, ...others], state, alarm, at }, group) => ({
      type: "Feature", geometry: { type: "Point", coordinates: at },
      properties: others.length ? { group, state, alarm, point_count: others.length + 1 } : { state, device: first.device },
    })),
  };
}

/** How many a group has, and what a single one is called. */
function nameOf({ rows: [first, ...others], at }) {
  if (others.length) return { ...LABELS.count, text: String(others.length + 1), at };
  return { ...LABELS.device, text: first.container ?? first.device, at };
}
