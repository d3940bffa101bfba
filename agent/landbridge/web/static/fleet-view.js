// What of the fleet is shown and how: filters, order, groups and columns. The address of the page says it.
export const ORDER = ["alarm", "silent", "moving", "dwelling", "unlocated", "new", "ended"];
export const COLUMNS = ["state", "container", "place", "route", "destination", "eta", "delay", "time", "next_session", "battery_mv", "temperature", "tags"];
const USUAL = ["state", "container", "place", "eta", "next_session", "battery_mv"];
const TEXTS = ["q", "country", "route", "tag", "battery", "group"];
const HOUR_MS = 3600_000;
export const ON_TIME_MS = 6 * HOUR_MS; // a smaller delay is none

const KEYS = {
  state: (row) => ORDER.indexOf(row.state),
  container: (row) => row.container ?? row.device,
  place: (row) => row.place ?? "\uffff",
  route: (row) => row.route ?? "\uffff",
  destination: (row) => row.destination ?? "\uffff",
  eta: (row) => row.eta ?? Infinity,
  delay: (row) => (delay(row) === null ? Infinity : -delay(row)),
  time: (row) => (row.time === null ? Infinity : -row.time),
  next_session: (row) => row.due ?? Infinity,
  battery_mv: (row) => row.battery_mv ?? Infinity,
  temperature: (row) => row.temperature ?? Infinity,
  tags: (row) => row.tags.join() || "\uffff",
};

/** How late a container is expected against the timetable (ms); null: not known. */
export const delay = ({ eta, planned }) => (eta === null || planned === null ? null : eta - planned);

/** The view that a query says. */
export function read(query) {
  const asked = new URLSearchParams(query);
  const list = (name, known, otherwise) => {
    const found = asked.get(name)?.split(",").filter((each) => known.includes(each));
    return found ?? otherwise;
  };
  const [by, way] = (asked.get("sort") ?? "state").split(".");
  return {
    ...Object.fromEntries(TEXTS.map((name) => [name, asked.get(name) ?? ""])),
    states: new Set(list("states", ORDER, ORDER)), late: asked.has("late"),
    columns: list("columns", COLUMNS, USUAL), sort: by in KEYS ? by : "state", up: way !== "down",
  };
}

/** The query that says a view; empty for the usual one. */
export function write(view) {
  const said = new URLSearchParams();
  for (const name of TEXTS) if (view[name]) said.set(name, view[name]);
  if (view.states.size < ORDER.length) said.set("states", ORDER.filter((each) => view.states.has(each)).join());
  if (view.late) said.set("late", "1");
  if (view.columns.join() !== USUAL.join()) said.set("columns", view.columns.join());
  if (view.sort !== "state" || !view.up) said.set("sort", `${view.sort}.${view.up ? "up" : "down"}`);
  return said.toString().replaceAll("%2C", ",");
}

/** The rows that fit, sorted; such as are alike stay in the order of devices. */
export function fitting(rows, view) {
  const wanted = view.q.trim().toLowerCase();
  const key = KEYS[view.sort];
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const found = rows.filter((row) => view.states.has(row.state)
    && (!view.country || row.country === view.country) && (!view.route || row.route === view.route)
    && (!view.tag || row.tags.includes(view.tag)) && (!view.battery || (row.battery_mv ?? Infinity) < 1000 * Number(view.battery))
    && (!view.late || (delay(row) ?? 0) > ON_TIME_MS)
    && (!wanted || [row.device, row.container, row.route, row.destination, row.place, ...row.tags].join(" ").toLowerCase().includes(wanted)));
  return found.sort((a, b) => (view.up ? 1 : -1) * order(key(a), key(b)));
}

/** Rows by the value that they are grouped by, the largest group first; without groups one of all. */
export function groupsOf(rows, by) {
  if (!by) return [[null, rows]];
  const found = Map.groupBy ? Map.groupBy(rows, (row) => row[by]) : grouped(rows, by);
  return [...found].sort(([, a], [, b]) => b.length - a.length);
}

function grouped(rows, by) {
  const found = new Map();
  for (const row of rows) found.set(row[by], [...(found.get(row[by]) ?? []), row]);
  return found;
}
