// The fleet: a map and a list of the same rows, kept current by server-sent events.
import { act, json, ms } from "./ask.js";
import { grouped, SINGLE_ZOOM } from "./clusters.js";
import { boundsOf, LABELS, makeMap, STATES } from "./map.js";
import { _, label, make, time } from "./words.js";

const ORDER = ["alarm", "silent", "moving", "dwelling", "unlocated", "new", "ended"];
const REFRESH_MS = 300_000;
const PAGE = 100; // rows; more are shown when asked for
const rows = new Map();
const search = document.getElementById("search");
const body = document.querySelector("tbody");
const feed = document.getElementById("feed");
const more = document.getElementById("more");
const may = Boolean(document.querySelector(".list").dataset.operate);
const shown = new Set(ORDER);
let sorted = { by: "state", up: true };
let most = PAGE;
let groups = [];
let level = null; // the zoom that the groups are for
let waiting = null;
let fit = []; // what the list shows
let regroup = () => {}; // until there is a map

const KEYS = {
  state: (row) => ORDER.indexOf(row.state),
  container: (row) => row.container ?? row.device,
  time: (row) => (row.time === null ? Infinity : -row.time),
  next_session: (row) => row.due ?? Infinity,
  battery_mv: (row) => row.battery_mv ?? Infinity,
};

/** The columns of /fleet as rows. */
function read({ columns, texts, alarms }) {
  const minutes = (at) => (at === null ? null : ms(60 * at));
  columns.device.forEach((device, i) => rows.set(device, {
    device, container: columns.container[i], route: texts[columns.route[i]], destination: texts[columns.destination[i]],
    state: texts[columns.state[i]], alarms: alarms[i] ?? [], time: minutes(columns.stationary_until_s[i] ?? columns.at_s[i]), due: minutes(columns.next_s[i]),
    battery_mv: columns.battery_mv[i], at: columns.lat[i] === null ? null : [columns.lon[i] / 1e5, columns.lat[i] / 1e5],
  }));
}

/** A row as the API and the feed have it. */
function put(it) {
  const parsed = (iso) => (iso === null ? null : Date.parse(iso));
  const at = it.latitude === null ? null : [it.longitude, it.latitude];
  rows.set(it.device, { ...it, at, time: parsed(it.stationary_until ?? it.time), due: parsed(it.next_session) });
}

/** Those that fit, sorted; such as are alike stay in the order of devices. */
function list() {
  const wanted = search.value.trim().toLowerCase();
  const key = KEYS[sorted.by];
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const found = [...rows.values()].filter((row) => shown.has(row.state) && (!wanted
    || [row.device, row.container, row.route, row.destination].join(" ").toLowerCase().includes(wanted)));
  return found.sort((a, b) => (sorted.up ? 1 : -1) * order(key(a), key(b)));
}

const when = (at) => time(at === null ? null : new Date(at).toISOString().replace(".000Z", "Z"));

function tableRow(row) {
  const link = make("a", { href: `/devices/${encodeURIComponent(row.device)}` }, row.container ?? row.device);
  const name = make("td", {}, link, make("small", {}, row.container ? row.device : _("No trip")));
  const volts = row.battery_mv ? `${(row.battery_mv / 1000).toFixed(2)} V` : "–";
  const why = row.alarms.map(label).join(_(", "));
  const state = make("span", { class: `badge ${row.state}`, title: why }, why || label(row.state));
  return make(
    "tr", { "data-device": row.device }, make("td", {}, state), name, make("td", {}, when(row.time)),
    make("td", { class: "wide" }, when(row.due)), make("td", { class: "wide" }, volts),
  );
}

function draw() {
  fit = list();
  keepFocus(() => body.replaceChildren(...fit.slice(0, most).map(tableRow)));
  document.getElementById("none").hidden = fit.length > 0 || !rows.size;
  more.hidden = fit.length <= most;
  keepFocus(chips);
  regroup();
}

/** `redraw` what may hold the focus: what stands for the same afterwards has it, for who goes by keyboard. */
function keepFocus(redraw) {
  const held = document.activeElement;
  const device = held?.closest("tr[data-device]")?.dataset.device;
  const state = held?.classList.contains("chip") ? held.classList.item(1) : undefined;
  redraw();
  if (device !== undefined) body.querySelector(`tr[data-device="${CSS.escape(device)}"] a`)?.focus();
  if (state !== undefined) document.querySelector(`.chip.${state}`)?.focus();
}

/** Many rows may change at once: they are drawn together. */
function changed() {
  waiting ??= setTimeout(() => {
    waiting = null;
    draw();
  }, rows.size > 1000 ? 2000 : 100);
}

function chips() {
  const counts = Object.fromEntries(ORDER.map((state) => [state, 0]));
  for (const row of rows.values()) counts[row.state] += 1;
  document.querySelector(".states").replaceChildren(...ORDER.filter((state) => counts[state]).map((state) => {
    const pressed = String(shown.has(state));
    const chip = make("button", { class: `chip ${state}`, "aria-pressed": pressed }, make("span", { class: "sentence" }, label(state)), ` ${counts[state]}`);
    chip.addEventListener("click", () => {
      if (!shown.delete(state)) shown.add(state);
      draw();
    });
    return chip;
  }));
}

/** The map, with what the list shows in groups. */
async function drawMap() {
  const places = [...rows.values()].flatMap(({ at }) => (at ? [at] : []));
  const around = { places, fitBoundsOptions: { padding: 60, maxZoom: 4 } };
  const { map, drawNames } = await makeMap(document.getElementById("map"), around, () => groups.map(nameOf));
  const group = () => {
    level = Math.floor(map.getZoom());
    groups = grouped(fit.filter(({ at }) => at), level);
    return features();
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
  regroup = () => {
    map.getSource("fleet").setData(group());
    drawNames();
  };
  map.on("zoom", () => level !== Math.floor(map.getZoom()) && regroup());
  drawNames();
  map.once("idle", () => performance.mark("usable"));
}

function features() {
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

function follow() {
  const source = new EventSource("/live");
  source.onopen = () => { feed.textContent = _("live"); };
  source.onerror = () => {
    feed.textContent = _("disconnected, reconnecting");
    // A refusal, of one feed too many, ends it for good.
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 60_000);
  };
  source.onmessage = ({ data }) => {
    const row = JSON.parse(data);
    const before = rows.get(row.device)?.alarms.join();
    put(row);
    changed();
    setTimeout(() => document.querySelector(`tr[data-device="${CSS.escape(row.device)}"]`)?.classList.add("fresh"), 150);
    if (before !== row.alarms.join()) alarms();
  };
}

async function alarms() {
  const open = (await json("/v1/alarms?limit=1000")).alarms.filter(({ state }) => state === "raised");
  const place = document.getElementById("alarms");
  place.hidden = !open.length;
  document.getElementById("raised").textContent = open.length;
  place.querySelector("ul").replaceChildren(...open.slice(0, 20).map((it) => {
    const link = make("a", { href: `/devices/${encodeURIComponent(it.device)}` }, it.container ?? it.device);
    const button = make("button", { "aria-label": `${_("Acknowledge")}: ${label(it.alarm)}, ${it.container ?? it.device}` }, _("Acknowledge"));
    button.addEventListener("click", () => acknowledge(it));
    const what = make("span", { class: `badge alarm ${it.severity}`, title: label(it.severity) }, label(it.alarm));
    return make("li", {}, what, link, time(it.since), ...(may ? [button] : []));
  }));
}

async function acknowledge(it) {
  const whom = it.container ? `${it.device} (${it.container})` : it.device;
  const question = _("Acknowledge the alarm “{alarm}” of {device}?", { alarm: label(it.alarm), device: whom });
  if (!window.confirm(question)) return;
  const refused = await act(`/v1/alarms/${it.number}/acknowledge`);
  if (refused) window.alert(refused);
  put(await json(`/v1/devices/${encodeURIComponent(it.device)}`));
  draw();
  await alarms();
}

// Nobody reports silence: look again from time to time.
async function refresh() {
  read(await json("/fleet"));
  draw();
}

search.addEventListener("input", () => {
  most = PAGE;
  changed();
});
more.addEventListener("click", () => {
  most += PAGE;
  draw();
});
document.querySelectorAll("[data-sort]").forEach((button) => button.addEventListener("click", () => {
  const by = button.dataset.sort;
  sorted = { by, up: sorted.by === by ? !sorted.up : true };
  document.querySelectorAll("th").forEach((head) => head.removeAttribute("aria-sort"));
  button.parentElement.setAttribute("aria-sort", sorted.up ? "ascending" : "descending");
  draw();
}));
read(await json("/fleet"));
drawMap();
draw();
follow();
alarms();
setInterval(refresh, REFRESH_MS);
