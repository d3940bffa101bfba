// The containers of a route: kilometres over time. Where a curve is flat, a container waits.
import { svg } from "./chart.js";
import { _, at, country, duration, language, make, stationName } from "./words.js";

const { stations, trips, usual } = JSON.parse(document.getElementById("data").textContent);
const place = document.getElementById("diagram");
const status = document.getElementById("status");
const fromStart = document.getElementById("from-start");
const [TOP, BOTTOM, RIGHT] = [12, 34, 12];
const DATE_PX = 60;
const [HOUR_MS, DAY_MS] = [3600_000, 24 * 3600_000];
const WAIT_KM = 15;
const CLOSE_PX = 14; // names of stations are not nearer
const HUES = matchMedia("(prefers-color-scheme: dark)").matches
  ? ["#6db3e0", "#5fd0b6", "#f08a4b", "#b99aec", "#ff7f9d", "#a3c45c", "#8fa8f0", "#d0a860"]
  : ["#2b7bb0", "#1f8a70", "#b0662b", "#8a4fb0", "#b03a5b", "#5a7a1f", "#2b4fb0", "#7a5c2e"];
const tip = make("div", { class: "tip", hidden: "" });
const mine = trips.map((trip, i) => (
  { ...trip, colour: HUES[i % HUES.length], points: trip.points.map(([time, km]) => [Date.parse(time), km]) }
)).filter(({ points }) => points.length);
let chosen = mine.at(-1); // whose usual times are drawn in the background
const start = (trip) => (fromStart.checked ? trip.points[0][0] : 0);

function draw() {
  if (!mine.length) {
    place.replaceChildren(_("No positions yet"));
    return;
  }
  const width = Math.max(260, place.clientWidth);
  const isNarrow = width < 500;
  const [height, left] = [isNarrow ? 460 : 600, isNarrow ? 145 : 175]; // left: where the names of stations end
  const ends = usual.length ? mine.map((trip) => trip.points[0][0] - start(trip) + usual.at(-1).planned_h * HOUR_MS) : [];
  const times = [...mine.flatMap((trip) => trip.points.map(([ms]) => ms - start(trip))), Math.min(...ends)].filter(Number.isFinite);
  const [from, until] = [Math.min(...times), Math.max(...times)];
  const x = (ms) => left + ((ms - from) / (until - from || 1)) * (width - left - RIGHT);
  const y = (km) => TOP + (km / stations.at(-1).km) * (height - TOP - BOTTOM);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": _("Distance over time of each container") });
  const clip = svg("clipPath", { id: "field" });
  clip.append(svg("rect", { x: left, y: 0, width: width - left - RIGHT, height: height - BOTTOM }));
  const background = svg("g", { "clip-path": "url(#field)" });
  const expected = () => background.replaceChildren(...band(chosen, x, y));
  expected();
  const choose = (trip) => {
    chosen = trip;
    expected();
  };
  picture.append(
    clip, background, ...levels(width, left, height, y), ...dates(from, until, x, Math.floor((width - left) / DATE_PX), height),
    ...mine.map((trip) => path(trip, x, y, choose)),
  );
  place.replaceChildren(picture, tip);
}

/** The usual times of a container that left when this one did: a band from 10 to 90 %, and the timetable. */
function band(trip, x, y) {
  if (!trip || !usual.length) return [];
  const begin = trip.points[0][0] - start(trip);
  const along = (key) => usual.map((it) => `${x(begin + it[key] * HOUR_MS).toFixed(1)} ${y(it.km).toFixed(1)}`);
  const area = svg("path", { d: `M${along("early_h").join("L")}L${along("late_h").reverse().join("L")}Z`, class: "band" });
  return [area, svg("path", { d: `M${along("planned_h").join("L")}`, class: "planned" })];
}

/** A line for each station: strong where the next one is in another country. Ends and borders are always named. */
function levels(width, left, height, y) {
  const taken = [];
  const named = [...stations.keys()].sort((i, j) => rank(i) - rank(j) || i - j).filter((i) => {
    const level = y(stations[i].km);
    const isFree = rank(i) < 2 || taken.every((other) => Math.abs(other - level) >= CLOSE_PX);
    if (isFree) taken.push(level);
    return isFree;
  }).sort((i, j) => i - j);
  const tops = spread(named.map((i) => y(stations[i].km)), TOP, height - BOTTOM);
  return [...stations.entries()].flatMap(([i, it]) => {
    const shown = named.indexOf(i);
    const border = isBorder(i);
    const line = svg("line", { x1: left, x2: width - RIGHT, y1: y(it.km), y2: y(it.km), class: border ? "level border" : shown < 0 ? "level faint" : "level" });
    if (shown < 0) return [line];
    const lead = svg("line", { x1: left - 6, x2: left, y1: tops[shown], y2: y(it.km), class: "level" });
    const name = svg("text", { x: left - 9, y: tops[shown] + 4, "text-anchor": "end", class: border ? "name border" : "name" });
    name.textContent = border ? `${short(stationName(it), left - 70)} ${it.country}→${stations[i + 1].country}` : short(stationName(it), left - 14);
    const title = svg("title", {});
    title.textContent = border ? `${stationName(it)}: ${country(it.country, it.country)} → ${country(stations[i + 1].country, stations[i + 1].country)}` : stationName(it);
    name.append(title);
    return [line, lead, name];
  });
}

/** A name in so many pixels, roughly. */
function short(name, px) {
  const wide = (text) => [...text].reduce((sum, each) => sum + (each > "\u2e80" ? 11 : 6.2), 0);
  if (wide(name) <= px) return name;
  let cut = name;
  while (wide(cut) > px - 8) cut = cut.slice(0, -1);
  return `${cut.trimEnd()}…`;
}

/** Heights moved apart so that none is closer to the next than a name is high. */
function spread(levels, top, bottom) {
  const down = levels.reduce((done, each) => [...done, Math.max(each, done.length ? done.at(-1) + CLOSE_PX : top)], []);
  return down.reduceRight((done, each) => [Math.min(each, done.length ? done[0] - CLOSE_PX : bottom), ...done], []);
}

/** Whose name goes before others: the ends of the route, then borders. */
const rank = (i) => (i === 0 || i === stations.length - 1 ? 0 : isBorder(i) ? 1 : 2);
const isBorder = (i) => i + 1 < stations.length && stations[i].country !== stations[i + 1].country;

function dates(from, until, x, most, height) {
  const days = (until - from) / DAY_MS;
  const step = DAY_MS * ([1, 2, 5, 7, 14, 30].find((each) => days / each <= Math.min(most, 9)) ?? 60);
  const first = fromStart.checked ? 0 : Math.ceil(from / step) * step;
  const found = [];
  for (let ms = first; ms <= until; ms += step) {
    const text = svg("text", { x: x(ms), y: height - 10, "text-anchor": "middle", class: "name" });
    text.textContent = fromStart.checked ? `${Math.round(ms / DAY_MS)} ${_("d")}` : at(ms, true);
    found.push(svg("line", { x1: x(ms), x2: x(ms), y1: TOP, y2: height - BOTTOM, class: "level" }), text);
  }
  return found;
}

function path(trip, x, y, choose) {
  const link = svg("a", { href: `/devices/${encodeURIComponent(trip.device)}`, "aria-label": `${trip.container}, ${late(trip)}` });
  const d = trip.points.map(([ms, km], i) => `${i ? "L" : "M"}${x(ms - start(trip)).toFixed(1)} ${y(km).toFixed(1)}`).join("");
  const line = svg("path", { d, class: "trip", stroke: trip.colour });
  link.append(svg("path", { d, class: "reach" }), line);
  const show = () => {
    choose(trip);
    status.replaceChildren(make("a", { href: link.getAttribute("href") }, trip.container), `: ${summary(trip)}`);
  };
  link.addEventListener("pointerenter", show);
  link.addEventListener("pointermove", (event) => {
    const box = place.getBoundingClientRect();
    tip.hidden = false;
    tip.textContent = `${trip.container} · ${late(trip)}`;
    tip.style.left = `${Math.min(event.clientX - box.left + 12, box.width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${event.clientY - box.top - 34}px`;
  });
  link.addEventListener("pointerleave", () => { tip.hidden = true; });
  link.addEventListener("focus", show);
  return link;
}

/** Milliseconds after the timetable, where the container is now, or when it came to the end of the route. */
function delay({ points }) {
  const [ms, km] = points.find(([, there]) => there >= stations.at(-1).km - WAIT_KM) ?? points.at(-1);
  const next = usual.findIndex((it) => it.km >= km);
  if (next < 0) return null;
  const [a, b] = [usual[Math.max(next - 1, 0)], usual[next]];
  const part = b.km > a.km ? (km - a.km) / (b.km - a.km) : 1;
  return ms - points[0][0] - (a.planned_h + part * (b.planned_h - a.planned_h)) * HOUR_MS;
}

function late(trip) {
  const late = delay(trip);
  if (late === null) return "–";
  if (Math.abs(late) < HOUR_MS / 2) return _("on time");
  const time = duration(Math.abs(late) / 1000);
  return late > 0 ? _("{time} late", { time }) : _("{time} early", { time });
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

const kilometres = (km) => `${km.toLocaleString(language)} km`;
const near = (km) => stations.reduce((a, b) => (Math.abs(b.km - km) < Math.abs(a.km - km) ? b : a));
const summary = (trip) => {
  const { ms, km } = longest(trip);
  return `${kilometres(trip.points.at(-1)[1])}, ${late(trip)}, ${_("longest dwell")} ${duration(ms / 1000)}, ${stationName(near(km))}`;
};

document.querySelector("#waits tbody").replaceChildren(...mine.map((trip) => {
  const { ms, km } = longest(trip);
  const link = make("a", { href: `/devices/${encodeURIComponent(trip.device)}` }, trip.container);
  const now = trip.points.at(-1)[1];
  const station = near(km);
  return make(
    "tr", {}, make("th", { scope: "row" }, link), make("td", {}, `${kilometres(now)}, ${stationName(near(now))}`), make("td", {}, late(trip)),
    make("td", {}, duration(ms / 1000)), make("td", {}, `${stationName(station)}, ${country(station.country, station.country)}`),
  );
}));
fromStart.addEventListener("change", draw);
window.addEventListener("resize", draw);
draw();
