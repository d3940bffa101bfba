// The list of the fleet: the columns that people choose, in groups, with boxes to select rows.
import { COLUMNS, delay, groupsOf, ON_TIME_MS } from "./fleet-view.js";
import { _, country, duration, label, make, time } from "./words.js";

export const TITLES = {
  state: _("State"), container: _("Container"), place: _("Place"), route: _("Route"), destination: _("Destination"), eta: _("ETA"),
  delay: _("Delay"), time: _("Position time"), next_session: _("Next session no later than"), battery_mv: _("Battery"), temperature: _("Temperature"), tags: _("Tags"),
};
const NARROW = ["state", "container", "place"]; // also on a phone

const iso = (ms) => (ms === null ? null : new Date(ms).toISOString().replace(".000Z", "Z"));

/** Against the timetable, in words. */
function lateness(row) {
  const ms = delay(row);
  if (ms === null) return null;
  if (Math.abs(ms) <= ON_TIME_MS) return _("on time");
  const amount = duration(Math.abs(ms) / 1000);
  return ms > 0 ? _("{time} late", { time: amount }) : _("{time} early", { time: amount });
}

/** Where it is, in words. */
function whereabouts(row) {
  if (row.at === null) return _("No position yet");
  const land = row.country && country(row.country, row.country);
  if (!row.place) return land || row.at.toReversed().map((it) => `${it.toFixed(2)}°`).join(", ");
  const near = row.abroad ? _("{place} ({country})", { place: row.place, country: country(row.abroad, row.abroad) }) : row.place;
  const place = row.km > 1 ? _("{km} km from {place}", { km: row.km, place: near }) : near;
  if (!land) return place;
  const both = { place, country: land };
  return row.abroad ? _("In {country}, {place}", both) : _("{place}, {country}", both);
}

const CELLS = {
  state: (row) => {
    const [first, ...others] = row.alarms.map(label);
    const badge = make("span", { class: `badge ${row.state}`, title: [first, ...others].join(_(", ")) }, first ?? label(row.state));
    return others.length ? [badge, make("small", {}, `+ ${others.length}`)] : [badge];
  },
  container: (row) => {
    const link = make("a", { href: `/devices/${encodeURIComponent(row.device)}` }, row.container ?? row.device);
    return [link, make("small", {}, row.container ? row.device : _("No trip"))];
  },
  place: (row) => [whereabouts(row), ...(row.at === null ? [] : [make("small", {}, time(iso(row.time)))])],
  route: (row) => [row.route ?? "–"],
  destination: (row) => [row.destination ?? "–"],
  eta: (row) => {
    const late = lateness(row);
    const note = late ? [make("small", { class: (delay(row) ?? 0) > ON_TIME_MS ? "behind" : "" }, late)] : [];
    return row.eta === null ? ["–"] : [time(iso(row.eta), "day"), ...note];
  },
  delay: (row) => [lateness(row) ?? "–"],
  time: (row) => [time(iso(row.time))],
  next_session: (row) => [time(iso(row.due))],
  battery_mv: (row) => [row.battery_mv ? `${(row.battery_mv / 1000).toFixed(2)}\u00a0V` : "–"],
  temperature: (row) => [row.temperature === null ? "–" : `${row.temperature.toFixed(1)}\u00a0°C`],
  tags: (row) => row.tags.map((tag) => make("span", { class: "tag" }, tag)),
};

/** The columns of a view, in the usual order. */
const columnsOf = (view) => COLUMNS.filter((name) => view.columns.includes(name));
const wide = (name) => (NARROW.includes(name) ? {} : { class: "wide" });

/** The head of the table; `sort(column)` is asked for by its buttons. */
export function head(view, may, all, sort) {
  const cells = columnsOf(view).map((name) => {
    const button = make("button", { "data-sort": name }, TITLES[name]);
    button.addEventListener("click", () => sort(name));
    const way = view.sort === name ? { "aria-sort": view.up ? "ascending" : "descending" } : {};
    return make("th", { scope: "col", ...wide(name), ...way }, button);
  });
  return make("tr", {}, ...(may ? [make("td", {}, all)] : []), ...cells);
}

/** What a group is called, by what is grouped. */
function groupName(by, value) {
  if (value === null) return by === "country" ? _("not known yet") : _("No trip");
  return by === "country" ? country(value, value) : value;
}

/** Rows of the table, at most `most`; `selected` devices have their box checked, groups in `closed` no rows. */
export function tableRows(rows, view, { may, most, selected, closed, toggle }) {
  const columns = columnsOf(view);
  const found = [];
  let left = most;
  for (const [value, members] of groupsOf(rows, view.group)) {
    if (left <= 0) break;
    const isOpen = !closed.has(value);
    if (view.group) {
      const button = make("button", { class: "quiet", "aria-expanded": isOpen }, `${groupName(view.group, value)} (${members.length})`);
      button.addEventListener("click", () => toggle(value));
      found.push(make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: columns.length + (may ? 1 : 0) }, button)));
    }
    if (!isOpen) continue;
    found.push(...members.slice(0, left).map((row) => {
      const box = make("input", { type: "checkbox", value: row.device, "aria-label": _("Select {name}", { name: row.container ?? row.device }) });
      box.checked = selected.has(row.device);
      const cells = columns.map((name) => make("td", wide(name), ...CELLS[name](row)));
      return make("tr", { "data-device": row.device }, ...(may ? [make("td", {}, box)] : []), ...cells);
    }));
    left -= members.length;
  }
  return found;
}

