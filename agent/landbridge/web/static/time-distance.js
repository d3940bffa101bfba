// The containers of a route: kilometres over time. Where a curve is flat, a container waits.
import { svg } from "./chart.js";
import { _, at, country, make } from "./words.js";

const { stations, trips } = JSON.parse(document.getElementById("data").textContent);
const place = document.getElementById("diagram");
const status = document.getElementById("status");
const fromStart = document.getElementById("from-start");
const [HEIGHT, RIGHT, TOP, BOTTOM] = [560, 12, 12, 34];
const DATE_PX = 60;
const DAY_MS = 24 * 3600_000;
const WAIT_KM = 15;
const CLOSE_PX = 15; // names of stations are not nearer
const HUES = ["#2b7bb0", "#1f8a70", "#b0662b", "#8a4fb0", "#b03a5b", "#5a7a1f", "#2b4fb0", "#7a5c2e"];
let left = 0; // where the names of stations end
const mine = trips.map((trip, i) => (
  { ...trip, colour: HUES[i % HUES.length], points: trip.points.map(([time, km]) => [Date.parse(time), km]) }
)).filter(({ points }) => points.length);

function draw() {
  if (!mine.length) {
    place.replaceChildren(_("No positions yet"));
    return;
  }
  const width = Math.max(260, place.clientWidth);
  left = width < 500 ? 105 : 150;
  const start = (trip) => (fromStart.checked ? trip.points[0][0] : 0);
  const times = mine.flatMap((trip) => trip.points.map(([ms]) => ms - start(trip)));
  const [from, until] = [Math.min(...times), Math.max(...times)];
  const x = (ms) => left + ((ms - from) / (until - from || 1)) * (width - left - RIGHT);
  const y = (km) => TOP + (km / stations.at(-1).km) * (HEIGHT - TOP - BOTTOM);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": _("Distance over time of each container") });
  picture.append(...levels(width, y), ...dates(from, until, x, Math.floor((width - left) / DATE_PX)), ...mine.map((trip) => path(trip, start(trip), x, y)));
  place.replaceChildren(picture);
}

/** A line for each station: strong where the next one is in another country. */
function levels(width, y) {
  return [...stations.entries()].sort(([i], [j]) => rank(i) - rank(j) || i - j).reduce((drawn, [i, it]) => {
    const border = isBorder(i);
    const taken = drawn.some(({ level }) => Math.abs(level - y(it.km)) < CLOSE_PX);
    if (taken && rank(i) === 2) return drawn;
    const line = svg("line", { x1: left, x2: width - RIGHT, y1: y(it.km), y2: y(it.km), class: border ? "level border" : "level" });
    const name = svg("text", { x: left - 8, y: y(it.km) + 4, "text-anchor": "end", class: border ? "name border" : "name" });
    name.textContent = border ? `${it.name} ${it.country}→${stations[i + 1].country}` : it.name;
    return [...drawn, { level: y(it.km), parts: taken ? [line] : [line, name] }];
  }, []).flatMap(({ parts }) => parts);
}

/** Whose name goes before others: the ends of the route, then borders. */
const rank = (i) => (i === 0 || i === stations.length - 1 ? 0 : isBorder(i) ? 1 : 2);
const isBorder = (i) => i + 1 < stations.length && stations[i].country !== stations[i + 1].country;

function dates(from, until, x, most) {
  const days = (until - from) / DAY_MS;
  const step = DAY_MS * ([1, 2, 5, 7, 14, 30].find((each) => days / each <= Math.min(most, 9)) ?? 60);
  const first = fromStart.checked ? 0 : Math.ceil(from / step) * step;
  const found = [];
  for (let ms = first; ms <= until; ms += step) {
    const text = svg("text", { x: x(ms), y: HEIGHT - 10, "text-anchor": "middle", class: "name" });
    text.textContent = fromStart.checked ? `${Math.round(ms / DAY_MS)} ${_("d")}` : at(ms, true);
    found.push(svg("line", { x1: x(ms), x2: x(ms), y1: TOP, y2: HEIGHT - BOTTOM, class: "level" }), text);
  }
  return found;
}

function path(trip, start, x, y) {
  const link = svg("a", { href: `/devices/${encodeURIComponent(trip.device)}`, "aria-label": trip.container });
  const d = trip.points.map(([ms, km], i) => `${i ? "L" : "M"}${x(ms - start).toFixed(1)} ${y(km).toFixed(1)}`).join("");
  const line = svg("path", { d, class: "trip", stroke: trip.colour });
  const title = svg("title", {});
  title.textContent = trip.container;
  link.append(title, svg("path", { d, class: "reach" }), line);
  const show = () => { status.textContent = `${trip.container}: ${summary(trip)}`; };
  link.addEventListener("pointerenter", show);
  link.addEventListener("focus", show);
  return link;
}

/** The longest time within WAIT_KM. */
function longest({ points }) {
  let best = { ms: 0, km: points[0][1] };
  let first = 0;
  points.forEach(([ms, km]) => {
    while (Math.abs(km - points[first][1]) > WAIT_KM) first += 1;
    if (ms - points[first][0] > best.ms) best = { ms: ms - points[first][0], km };
  });
  return best;
}

const near = (km) => stations.reduce((a, b) => (Math.abs(b.km - km) < Math.abs(a.km - km) ? b : a));
const summary = (trip) => {
  const { ms, km } = longest(trip);
  return `${trip.points.at(-1)[1]} km, ${_("longest dwell")} ${(ms / 3600_000).toFixed(0)} h, ${near(km).name}`;
};

document.querySelector("#waits tbody").replaceChildren(...mine.map((trip) => {
  const { ms, km } = longest(trip);
  const link = make("a", { href: `/devices/${encodeURIComponent(trip.device)}` }, trip.container);
  const now = trip.points.at(-1)[1];
  const station = near(km);
  return make(
    "tr", {}, make("th", { scope: "row" }, link), make("td", {}, `${now} km, ${near(now).name}`),
    make("td", {}, `${(ms / 3600_000).toFixed(0)} h`), make("td", {}, `${station.name}, ${country(station.country, station.country)}`),
  );
}));
fromStart.addEventListener("change", draw);
window.addEventListener("resize", draw);
draw();
