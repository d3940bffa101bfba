// Small charts over time that share one cursor.
import { _, at, make } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [1000, 72];
const GAP_MS = 24 * 3600_000;
const DAY_MS = 24 * 3600_000;

/** An element of a drawing. */
export const svg = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

/** A chart of `values` ([ms, number], by time) between two times; `move(at)` sets the cursor and the reading.
 * `note` is shown next to its range. */
export function chart({ title, unit, digits, values, from, until, seek, hover, note = "", gap = GAP_MS }) {
  const numbers = values.map(([, value]) => value);
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const [low, high] = least < most ? [least, most] : [least - 1, most + 1];
  const x = (ms) => ((ms - from) / (until - from || 1)) * WIDTH;
  const y = (value) => HEIGHT - 4 - ((value - low) / (high - low)) * (HEIGHT - 8);
  const text = (value) => `${value.toFixed(digits).replace(/^-(?=[0.]*$)/, "")} ${unit}`; // no -0.0
  const several = least < most ? `${text(least)} … ${text(most)}` : text(least);
  const range = values.length ? several : "–";
  const drawn = [svg("path", { d: path(values, x, y, gap), class: "curve" })];
  const read = (at) => {
    const value = last(values, at);
    return value === undefined ? "–" : text(value);
  };
  return framed({ title, about: note ? `${range} · ${note}` : range, drawn, x, from, until, seek, hover, read });
}

/** A bar a day, of `days` ({ms, parts: {name: number}}, by time), the parts on top of each other in the order of
 * `names` ({name: what it is called}). */
export function bars({ title, unit, days, names, from, until, seek, hover }) {
  const x = (ms) => ((ms - from) / (until - from || 1)) * WIDTH;
  const sum = ({ parts }) => Object.values(parts).reduce((a, b) => a + b, 0);
  const high = Math.max(...days.map(sum), 1e-9);
  const scale = (HEIGHT - 4) / high;
  const drawn = days.flatMap(({ ms, parts }) => {
    let below = HEIGHT;
    return Object.keys(names).map((name, i) => {
      const height = (parts[name] ?? 0) * scale;
      below -= height;
      const width = Math.max(x(ms + DAY_MS) - x(ms) - 1, 1);
      return svg("rect", { x: x(ms), y: below, width, height, class: `part part-${i}` });
    });
  });
  const keys = Object.values(names).length > 1
    ? Object.values(names).map((name, i) => make("span", { class: `key part-${i}` }, name)) : [];
  const read = (at) => {
    const day = days.findLast((it) => it.ms <= at && at < it.ms + DAY_MS);
    return day ? `${sum(day).toFixed(0)} ${unit}` : "–";
  };
  const about = days.length ? _("highest day: {amount}", { amount: `${high.toFixed(0)} ${unit}` }) : "–";
  return framed({ title, about, keys, drawn, x, from, until, seek, hover, read });
}

function framed({ title, about, keys = [], drawn, x, from, until, seek, hover, read }) {
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const cursor = svg("line", { y1: 0, y2: HEIGHT, class: "cursor" });
  picture.append(...drawn, cursor);
  const reading = make("output", { class: "reading" });
  const caption = make("figcaption", {}, make("b", {}, title), make("span", {}, about), ...keys, reading);
  seeks(picture, { from, until, seek, hover });
  const move = (at) => {
    cursor.setAttribute("x1", x(at));
    cursor.setAttribute("x2", x(at));
    reading.textContent = read(at);
  };
  return { element: make("figure", {}, caption, picture), picture, move };
}

/** Pressing and dragging on `picture` moves the moment; pointing at it shows the values there, leaving it (null) those
 * of the moment. */
export function seeks(picture, { from, until, seek, hover }) {
  const at = (event) => {
    const box = picture.getBoundingClientRect();
    const part = Math.min(Math.max(event.clientX - box.left, 0), box.width) / box.width;
    const { x, width } = picture.viewBox.baseVal;
    return from + ((x + part * width) / WIDTH) * (until - from);
  };
  picture.addEventListener("pointerdown", (event) => {
    picture.setPointerCapture(event.pointerId);
    seek(at(event));
  });
  picture.addEventListener("pointermove", (event) => (event.buttons ? seek(at(event)) : hover(at(event))));
  picture.addEventListener("pointerleave", () => hover(null));
}

/** Show only the time of `range` ([from, until]) of what is drawn over `whole`. */
export function zoomTo(picture, [begin, end], [from, until]) {
  const x = (ms) => ((ms - from) / (until - from || 1)) * WIDTH;
  picture.setAttribute("viewBox", `${x(begin)} 0 ${Math.max(x(end) - x(begin), 1e-3)} ${picture.viewBox.baseVal.height}`);
}

const STEPS_H = [1, 3, 6, 12, 24, 48, 120, 240, 720, 1440, 4320];

const LAST_PART = 0.06; // of the time, where no label has room

/** Times below the charts: of days, or of hours where less than some days are shown. */
export function axis(place, [begin, end]) {
  const most = (hours) => Math.max(2, Math.floor(place.clientWidth / (hours < 24 ? 130 : 70)));
  const step = 3600_000 * (STEPS_H.find((hours) => (end - begin) / (3600_000 * hours) <= most(hours)) ?? 8760);
  const offset = new Date(begin).getTimezoneOffset() * 60_000;
  const ticks = [];
  for (let ms = Math.ceil((begin - offset) / step) * step + offset; ms < end - LAST_PART * (end - begin); ms += step) ticks.push(ms);
  place.replaceChildren(...ticks.map((ms) => {
    const tick = make("span", {}, at(ms, step >= DAY_MS));
    tick.style.left = `${(100 * (ms - begin)) / (end - begin || 1)}%`;
    return tick;
  }));
}

function path(values, x, y, gap) {
  let before = -Infinity;
  return values.map(([ms, value]) => {
    const step = `${ms - before > gap ? "M" : "L"}${x(ms).toFixed(3)} ${y(value).toFixed(1)}`;
    before = ms;
    return step;
  }).join("");
}

function last(values, at) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle][0] <= at) low = middle + 1;
    else high = middle;
  }
  return values[low - 1]?.[1];
}
