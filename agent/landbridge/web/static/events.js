// What happened on the way: in words, as a strip over the time of the charts, and on the map.
import { seeks, svg } from "./chart.js";
import { colour, LABELS } from "./map.js";
import { _, country, duration, label, make, time } from "./words.js";

const [WIDTH, HEIGHT] = [1000, 26];
const COLOURS = Object.fromEntries(["stop", "border", "alarm", "gap", "arrival"].map((type) => [type, colour(type)]));
const BACK = { "temperature-back": "temperature", "heard-again": "silent" }; // that an alarm is over, and which
const { names: called = {} } = JSON.parse(document.getElementById("data")?.textContent ?? "{}"); // in the reader's language
const DRAWN = ["stop", "border", "alarm", "arrival"];

const HAPPENED = { stop: "since", arrival: "since", departure: "until" };

/** What the rings on a map mean. */
export const SIGNS = Object.keys(COLOURS).map((type) => [`ring ${type}`, label(type)]);

/** When it happened (ms): a later point shows a stop, an arrival or a departure. */
export const when = (it) => Date.parse(it[HAPPENED[it.type]] ?? it.time);

/** An event in a line. */
export function summary(it) {
  const place = it.place ? ` ${called[it.place] ?? it.place}` : "";
  const texts = {
    alarm: () => (it.alarm in BACK ? label(it.alarm) : _("{what}: {which}", { what: label("alarm"), which: label(it.alarm) })),
    border: () => `${label("border")} ${country(it.from, it.from)} → ${country(it.to, it.to)}`,
    departure: () => {
      const what = `${label("departure")}${place}`;
      return it.stood_s ? _("{what} after {time}", { what, time: duration(it.stood_s) }) : what;
    },
    geofence: () => `${label(it.action)} ${it.geofence}`,
    "off-route": () => _("{what}: {which}", { what: label("off-route"), which: label(it.action) }),
  };
  return texts[it.type]?.() ?? `${label(it.type)}${place}`;
}

/** Stops from their begin to their end: of one that has ended its departure tells. */
function spans(events) {
  const left = new Map(events.filter(({ type }) => type === "departure").map((it) => [it.since, Date.parse(it.until)]));
  return events.filter(({ type }) => type === "stop").map((it) => (
    { ...it, begin: Date.parse(it.since), end: left.get(it.since) ?? null }
  ));
}

/** The strip: stops as bars, gaps light, borders and alarms as marks. */
export function strip({ events, from, until, seek, hover }) {
  const x = (ms) => ((ms - from) / (until - from || 1)) * WIDTH;
  const bar = (begin, end, of, titled) => {
    const rect = svg("rect", { x: x(begin), y: 8, width: Math.max(x(end) - x(begin), 1), height: 10, fill: COLOURS[of] });
    rect.append(svg("title", {}));
    rect.firstChild.textContent = titled;
    return rect;
  };
  const mark = (it) => {
    const at = x(when(it));
    const line = svg("line", { x1: at, x2: at, y1: 1, y2: HEIGHT - 1, stroke: COLOURS[it.type], class: "mark" });
    line.append(svg("title", {}));
    line.firstChild.textContent = summary(it);
    return line;
  };
  const cursor = svg("line", { y1: 0, y2: HEIGHT, class: "cursor" });
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "strip" });
  picture.append(
    ...spans(events).map((it) => bar(it.begin, it.end ?? until, "stop", summary(it))),
    ...events.filter(({ type }) => type === "gap").map((it) => bar(Date.parse(it.since), Date.parse(it.time), "gap", summary(it))),
    ...events.filter(({ type }) => ["border", "alarm", "arrival"].includes(type)).filter(({ alarm }) => !(alarm in BACK)).map(mark), cursor,
  );
  seeks(picture, { from, until, seek, hover });
  const keys = Object.keys(COLOURS).filter((type) => events.some((it) => it.type === type));
  const caption = make("figcaption", {}, make("b", {}, _("Events")), ...keys.map((type) => make("span", { class: `key event-${type}` }, make("span", { class: "sentence" }, label(type)))));
  const move = (at) => {
    cursor.setAttribute("x1", x(at));
    cursor.setAttribute("x2", x(at));
  };
  return { element: make("figure", {}, caption, picture), picture, move };
}

/** Fill the table: its buttons go to the time of an event. */
export function list(body, events, seek) {
  body.replaceChildren(...events.toSorted((a, b) => when(a) - when(b)).toReversed().slice(0, 300).map((it) => {
    const button = make("button", { class: "quiet" }, make("span", { class: "sentence" }, summary(it)));
    button.addEventListener("click", () => seek(when(it)));
    return make("tr", {}, make("td", {}, time(new Date(when(it)).toISOString().replace(".000Z", "Z"), "at")), make("td", {}, button));
  }));
}

/** For the map: features of the events that have a place, and the names of those at borders and stops. */
export function features(events) {
  const shown = events.filter((it) => DRAWN.includes(it.type) && !(it.alarm in BACK) && it.latitude !== null);
  return {
    type: "FeatureCollection",
    features: shown.map((it) => ({
      type: "Feature", properties: { type: it.type, at: when(it) },
      geometry: { type: "Point", coordinates: [it.longitude, it.latitude] },
    })),
  };
}

export const COLOUR_OF_TYPE = ["match", ["get", "type"], ...Object.entries(COLOURS).flat(), "#888"];

/** Names that go before those of the base map. */
export function names(events) {
  const named = events.filter((it) => it.latitude !== null && (it.type === "border" || (it.type === "stop" && it.place)));
  return named.toSorted((a, b) => (a.type === "border" ? 0 : 1) - (b.type === "border" ? 0 : 1)).map((it) => (
    { ...LABELS.event, text: it.type === "border" ? `${country(it.from, it.from)} → ${country(it.to, it.to)}` : called[it.place] ?? it.place, at: [it.longitude, it.latitude] }
  ));
}
