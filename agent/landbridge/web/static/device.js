// One device: its track, a slider over its time, charts, events and reasons that follow the slider.
import { json } from "./ask.js";
import { axis, bars, chart, zoomTo } from "./chart.js";
import * as eventView from "./events.js";
import { Track, read } from "./track.js";
import { Wakes } from "./wakes.js";
import { _, at, label, make } from "./words.js";

const { device, bits: masks } = document.getElementById("device").dataset;
const bits = JSON.parse(masks);
const base = `/v1/devices/${encodeURIComponent(device)}`;
const [slider, moment, known, colour, play, scale, charts] = [
  "slider", "moment", "known", "colour", "play", "scale", "charts",
].map((id) => document.getElementById(id));
const PLAY_MS = 20_000; // the whole track
const PARTS = {
  position: _("Position fix"), stationary: _("Position reused"), search: _("Network scan"), report: _("Session"), other: _("Other"),
};

showPanel();
window.addEventListener("hashchange", showPanel);
const [outline, days, { events }] = await Promise.all(["/outline?most=2000", "/days", "/events"].map((path) => json(base + path)));
const points = read(outline, bits);
const from = points[0]?.taken ?? 0;
const until = points.at(-1)?.taken ?? 0;
const gap = Math.max(24 * 3600_000, 3000 * outline.step_s);
const dated = events.filter((it) => it.time);
const wakes = new Wakes(base, document.querySelector("#wakes tbody"));
const track = new Track(base, points, outline.step_s, bits, dated, { known: () => known.checked, seek, chosen: record });
const drawing = track.show(document.getElementById("map"), until, colour.value, scale);

const end = days.battery_end && emptied(days.battery_end);
const day = (key) => days[key].map((it) => ({ ms: Date.parse(it.day), parts: it.joules ?? { bytes: it.bytes } }));
const whole = [from, until];
let range = whole; // what charts and slider show
const shared = { from, until, seek, hover };
const curves = [
  { title: _("Battery"), unit: "V", digits: 2, of: "volts", note: end ? `${_("empty")}: ${end}` : "" },
  { title: _("Temperature"), unit: "°C", digits: 1, of: "celsius" },
  { title: _("Signal (RSRP; GSM: received level)"), unit: "dBm", digits: 0, of: "rsrp" },
  { title: _("Reporting delay"), unit: "h", digits: 1, of: "delay_h" },
].map((it) => chart({
  ...it, ...shared, gap, values: points.filter((each) => each[it.of] !== null).map((each) => [each.taken, each[it.of]]),
}));
const daily = [
  { title: _("Energy of wakes per day, by first action, without sleep"), unit: "J", days: day("energy"), names: PARTS },
  { title: _("Payload of uplinks per day"), unit: "B", days: day("traffic"), names: { bytes: _("Data") } },
].filter(({ days: each }) => each.length);
const all = [
  ...(dated.length ? [eventView.strip({ events: dated, ...shared })] : []), ...curves,
  ...daily.map((it) => bars({ ...it, ...shared })),
];
const times = make("div", { class: "axis", "aria-hidden": "true" });
charts.append(...all.map(({ element }) => element), times);
eventView.list(document.querySelector("#events tbody"), dated, seek);
document.getElementById("events").hidden = !dated.length;
document.getElementById("wake-log").hidden = !days.energy.length;
const empty = document.getElementById("end");
if (end && empty) {
  empty.replaceChildren(end);
  empty.parentElement.hidden = false;
}

// Seconds, so that a step of the arrow keys is a minute.
const seconds = (ms) => Math.max(0, Math.ceil((ms - from) / 60_000) * 60);
slider.max = seconds(until);
slider.value = slider.max;
const asked = Date.parse(new URLSearchParams(location.search).get("at") ?? "");
if (asked >= from && asked <= until) slider.value = Math.round((asked - from) / 1000);
document.querySelectorAll("#track [disabled]").forEach((it) => { it.disabled = false; }); // what is pressed does something from now on
slider.disabled = play.disabled = !points.length;

let waiting = false;

/** Days between which the battery will be empty: an estimate, never measured. */
function emptied({ earliest, latest }) {
  if (!earliest) return _("in more than a year");
  const [first, last] = [earliest, latest].map((iso) => iso && at(Date.parse(iso), true));
  return last ? `${first} – ${last}` : `${_("not before")} ${first}`;
}

/** Move everything to `when`. */
function seek(when) {
  if (when < range[0] || when > range[1]) showRange(whole);
  slider.value = Math.round((when - from) / 1000);
  changed();
}

/** Show what was at a time, as long as it is pointed at. */
function hover(time) {
  all.forEach(({ move }) => move(time ?? now()));
  track.mark(time);
}

/** Show so many times less of the time, around the moment. */
function zoom(factor) {
  const long = Math.min((range[1] - range[0]) / factor, until - from);
  const begin = Math.min(Math.max(now() - long / 2, from), until - long);
  showRange([begin, begin + long]);
}

/** Charts and slider show a part of the time. */
function showRange(wanted) {
  if (wanted[1] - wanted[0] < 3600_000 && until - from > 3600_000) return;
  range = wanted;
  all.forEach(({ picture }) => zoomTo(picture, range, whole));
  axis(times, range);
  const kept = slider.value;
  Object.assign(slider, { min: seconds(range[0]), max: seconds(range[1]) });
  slider.value = kept;
  changed();
}

const now = () => (points.length ? from + Number(slider.value) * 1000 : 0);

function changed() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw() {
  showStatus();
  track.draw(now());
}

/** All but the map. */
function showStatus() {
  moment.textContent = points.length ? at(now()) : _("No positions yet");
  slider.setAttribute("aria-valuetext", moment.textContent);
  all.forEach(({ move }) => move(now()));
  wakes.show(now());
}

const HEADINGS = [
  [_("Record"), { time: _("Recorded"), received: _("Received"), seq: _("Sequence"), kind: _("Kind"), trip: _("Trip"), container: _("Container") }],
  [_("Position"), { latitude: _("Latitude"), longitude: _("Longitude"), speed_kmh: _("Speed (km/h)"), heading_deg: _("Heading (°)"), hdop: "HDOP", satellites: _("Satellites") }],
  [_("State"), { motion: _("Motion"), temperature_c: _("Temperature (°C)"), battery_mv: _("Battery (mV)"), events: _("Events"), alarms: _("Alarms"), quality_flags: _("Quality flags") }],
  [_("Network"), { plmn: _("Mobile operator (PLMN)"), tac: _("Tracking area"), cell: _("Cell"), rsrp_dbm: _("Signal (dBm)") }],
];

/** Show a record as the device made it. */
async function record(seq) {
  const { record: raw, feature } = await json(`${base}/points/${seq}`);
  const where = feature.geometry?.coordinates ?? [null, null];
  const values = { latitude: where[1], longitude: where[0], ...feature.properties };
  const dialog = document.getElementById("record");
  const text = (name, value) => {
    if (value === null || value === undefined || value.length === 0) return "–";
    if (name === "time" || name === "received") return at(Date.parse(value));
    return Array.isArray(value) ? value.map(label).join(_(", ")) : String(value);
  };
  dialog.querySelector("table").replaceChildren(...HEADINGS.map(([title, names]) => make(
    "tbody", {}, make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: 2 }, title)),
    ...Object.entries(names).map(([name, said]) => make("tr", {}, make("th", { scope: "row" }, said), make("td", {}, text(name, values[name])))),
  )));
  dialog.querySelector("code").textContent = JSON.stringify(raw);
  dialog.showModal();
}

/** Only the part of the page that is asked for; the map keeps its size. */
function showPanel() {
  const wanted = location.hash.slice(1) || document.getElementById("device").dataset.tab;
  const panels = [...document.querySelectorAll(".panel")];
  const chosen = panels.find(({ id }) => id === wanted) ?? panels[0];
  panels.forEach((panel) => panel.classList.toggle("away", panel !== chosen));
  document.querySelectorAll(".tabs a").forEach((link) => {
    if (link.hash === `#${chosen.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
}

function playOn() {
  let [begin, start] = [performance.now(), Number(slider.value)];
  const last = Number(slider.max);
  const first = Number(slider.min);
  if (start >= last) start = first;
  const step = (stamp) => {
    if (play.getAttribute("aria-pressed") !== "true") return;
    slider.value = Math.min(last, start + ((stamp - begin) / PLAY_MS) * (last - first));
    draw();
    if (Number(slider.value) >= last) pause();
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function pause() {
  play.setAttribute("aria-pressed", "false");
  play.textContent = _("Play");
}

play.addEventListener("click", () => {
  if (play.getAttribute("aria-pressed") === "true") {
    pause();
    return;
  }
  play.setAttribute("aria-pressed", "true");
  play.textContent = _("Pause");
  playOn();
});
slider.addEventListener("input", () => {
  pause();
  changed();
});
known.addEventListener("change", changed);
colour.addEventListener("change", () => track.paint(colour.value, scale));
document.getElementById("raw").addEventListener("click", () => {
  const passed = points.filter((it) => it.taken <= now()).at(-1);
  if (passed) record(passed.seq);
});
document.getElementById("zoom-in").addEventListener("click", () => zoom(2));
document.getElementById("zoom-out").addEventListener("click", () => zoom(0.5));
document.getElementById("zoom-all").addEventListener("click", () => showRange(whole));
window.addEventListener("resize", () => axis(times, range));
axis(times, range);
showStatus();
await drawing;
track.map.once("idle", () => performance.mark("usable"));
