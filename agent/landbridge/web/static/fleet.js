// The fleet: a map and a list of the same rows, kept current by server-sent events.
import { act, json, ms, post, refusal } from "./ask.js";
import { actOn } from "./fleet-act.js";
import { head, tableRows, TITLES } from "./fleet-list.js";
import { drawMap } from "./fleet-map.js";
import { COLUMNS, fitting, ORDER, read as readView, write } from "./fleet-view.js";
import { _, country, label, language, make, time } from "./words.js";

const REFRESH_MS = 300_000;
const PAGE = 100; // rows; more are shown when asked for
const rows = new Map();
const [search, feed, more, filters, saved, bar] = ["search", "feed", "more", "filters", "saved", "selection"].map((id) => document.getElementById(id));
const table = document.querySelector(".list table");
const body = table.tBodies[0];
const may = Boolean(document.querySelector(".list").dataset.operate);
const selected = new Set();
const closed = new Set(); // groups without their rows
const all = make("input", { type: "checkbox", "aria-label": _("Select all") });
let view = readView(location.search);
let most = PAGE;
let waiting = null;
let fit = []; // what the list shows
let regroup = () => {}; // until there is a map

/** The columns of /fleet as rows. */
function read({ columns, texts, alarms }) {
  const minutes = (at) => (at === null ? null : ms(60 * at));
  const tags = texts.map((text) => (text?.startsWith("[") ? JSON.parse(text) : []));
  const text = (name, i) => texts[columns[name][i]];
  columns.device.forEach((device, i) => rows.set(device, {
    device, container: columns.container[i], route: text("route", i), destination: text("destination", i), state: text("state", i),
    place: text("place", i), km: columns.km[i], abroad: text("abroad", i), country: text("country", i), tags: tags[columns.tags[i]],
    alarms: alarms[i] ?? [], time: minutes(columns.stationary_until_s[i] ?? columns.at_s[i]), due: minutes(columns.next_s[i]),
    eta: minutes(columns.eta_s[i]), planned: minutes(columns.planned_s[i]), battery_mv: columns.battery_mv[i],
    temperature: columns.temperature[i] === null ? null : columns.temperature[i] / 2,
    at: columns.lat[i] === null ? null : [columns.lon[i] / 1e5, columns.lat[i] / 1e5],
  }));
}

/** A row as the API and the feed have it. */
function put(it) {
  const parsed = (iso) => (iso === null ? null : Date.parse(iso));
  const near = it.place && ((language.startsWith("zh") && it.place.chinese) || it.place.name);
  rows.set(it.device, {
    ...it, place: near, km: it.place?.km ?? null, country: it.country && (it.country.code ?? it.country.name),
    abroad: it.place && it.country?.code && it.place.country !== it.country.code ? it.place.country : null,
    at: it.latitude === null ? null : [it.longitude, it.latitude], time: parsed(it.stationary_until ?? it.time),
    due: parsed(it.next_session), eta: parsed(it.eta), planned: parsed(it.planned_arrival), temperature: it.temperature_c,
  });
}

function draw() {
  fit = fitting([...rows.values()], view);
  keepFocus(() => {
    table.tHead.replaceChildren(head(view, may, all, sort));
    body.replaceChildren(...tableRows(fit, view, { may, most, selected, closed, toggle }));
  });
  document.getElementById("none").hidden = fit.length > 0 || !rows.size;
  document.getElementById("empty").hidden = rows.size > 0;
  more.hidden = fit.length <= most;
  keepFocus(chips);
  showSelection();
  regroup();
}

/** `redraw` what may hold the focus: the same entry has it afterwards, for keyboard users. */
function keepFocus(redraw) {
  const held = document.activeElement;
  const device = held?.closest("tr[data-device]")?.dataset.device;
  const tag = held?.tagName.toLowerCase();
  const column = held?.dataset?.sort;
  const state = held?.classList.contains("chip") ? held.classList.item(1) : undefined;
  redraw();
  if (device !== undefined) body.querySelector(`tr[data-device="${CSS.escape(device)}"] ${tag === "input" ? "input" : "a"}`)?.focus();
  if (column !== undefined) table.querySelector(`[data-sort="${column}"]`)?.focus();
  if (state !== undefined) document.querySelector(`.chip.${state}`)?.focus();
}

/** Many rows may change at once: they are drawn together. */
function changed() {
  waiting ??= setTimeout(() => {
    waiting = null;
    draw();
  }, rows.size > 1000 ? 2000 : 100);
}

/** Apply another view, and keep it in the URL. */
function look(change = {}) {
  view = { ...view, ...change };
  most = PAGE;
  const query = write(view);
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
  draw();
}

function sort(by) {
  look({ sort: by, up: view.sort === by ? !view.up : true });
}

function toggle(group) {
  if (!closed.delete(group)) closed.add(group);
  draw();
}

function chips() {
  const counts = Object.fromEntries(ORDER.map((state) => [state, 0]));
  for (const row of rows.values()) counts[row.state] += 1;
  document.querySelector(".states").replaceChildren(...ORDER.filter((state) => counts[state]).map((state) => {
    const pressed = String(view.states.has(state));
    const chip = make("button", { class: `chip ${state}`, "aria-pressed": pressed }, make("span", { class: "sentence" }, label(state)), ` ${counts[state]}`);
    chip.addEventListener("click", () => {
      const states = new Set(view.states);
      if (!states.delete(state)) states.add(state);
      look({ states });
    });
    return chip;
  }));
}

/** The choices of the filters, from what there is. */
function choices() {
  const every = [...rows.values()];
  const fill = (name, values, text = (it) => it) => {
    const options = [...new Set(values.filter(Boolean))].sort().map((value) => make("option", { value }, text(value)));
    filters.elements[name].replaceChildren(make("option", { value: "" }, _("all")), ...options);
  };
  fill("country", every.map((row) => row.country), (code) => country(code, code));
  fill("route", every.map((row) => row.route));
  fill("tag", every.flatMap((row) => row.tags));
  showView();
}

/** The form says what the view is. */
function showView() {
  search.value = view.q;
  for (const name of ["country", "route", "tag", "battery", "group"]) filters.elements[name].value = view[name];
  filters.elements.late.checked = view.late;
  document.querySelectorAll("#columns input").forEach((box) => { box.checked = view.columns.includes(box.value); });
}

/** How many are selected, and what can be done with them. */
function showSelection() {
  bar.hidden = !selected.size;
  document.getElementById("selected").textContent = _("{number} selected", { number: selected.size });
  const listed = fit.filter(({ device }) => selected.has(device)).length;
  all.checked = listed > 0 && listed === fit.length;
  all.indeterminate = listed > 0 && listed < fit.length;
}

function choose(found) {
  found.forEach(({ device }) => selected.add(device));
  draw();
}

function follow() {
  const source = new EventSource("/live");
  source.onopen = () => { feed.textContent = _("live"); };
  source.onerror = () => {
    feed.textContent = _("disconnected, reconnecting");
    // A refusal (too many feeds) closes the source: it does not reconnect by itself.
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

// A silent device causes no message: refresh from time to time.
async function refresh() {
  read(await json("/fleet"));
  choices();
  draw();
}

/** The views that this person has kept. */
async function views() {
  const { views: kept } = await json("/v1/fleet/views");
  const options = kept.map(({ name, query, view: number }) => make("option", { value: query, "data-view": number }, name));
  saved.replaceChildren(make("option", { value: "" }, _("Saved views")), ...options);
  const now = write(view);
  saved.value = kept.some(({ query }) => query === now) ? now : "";
  document.getElementById("remove-view").hidden = !saved.value;
}

async function saveView() {
  const name = window.prompt(_("Name of the view"))?.trim();
  if (!name) return;
  const answer = await post("/v1/fleet/views", { name, query: write(view) });
  if (!answer.ok) window.alert(refusal(await answer.json()));
  await views();
}

async function removeView() {
  const chosen = saved.selectedOptions[0];
  if (!window.confirm(_("Delete the saved view {name}?", { name: chosen.textContent }))) return;
  await fetch(`/v1/fleet/views/${chosen.dataset.view}`, { method: "DELETE", headers: { "X-CSRF-Token": document.documentElement.dataset.csrf } });
  await views();
}

search.addEventListener("input", () => {
  view.q = search.value;
  look();
});
filters.addEventListener("submit", (event) => event.preventDefault());
document.querySelector("details.filters").addEventListener("change", ({ target: { name, value, checked } }) => {
  if (name === "late") look({ late: checked });
  else if (name) look({ [name]: value });
  else look({ columns: COLUMNS.filter((each) => document.querySelector(`#columns input[value="${each}"]`).checked) });
});
more.addEventListener("click", () => {
  most += PAGE;
  draw();
});
body.addEventListener("change", ({ target }) => {
  if (target.checked) selected.add(target.value);
  else selected.delete(target.value);
  showSelection();
});
all.addEventListener("change", () => {
  fit.forEach(({ device }) => (all.checked ? selected.add(device) : selected.delete(device)));
  draw();
});
document.getElementById("clear").addEventListener("click", () => {
  selected.clear();
  draw();
});
saved.addEventListener("change", () => {
  look(readView(saved.value));
  showView();
  views();
});
document.getElementById("save-view").addEventListener("click", saveView);
document.getElementById("remove-view").addEventListener("click", removeView);
document.getElementById("columns").append(...COLUMNS.map((name) => {
  const box = make("input", { type: "checkbox", value: name });
  box.disabled = name === "container";
  return make("label", { class: "check" }, box, ` ${TITLES[name]}`);
}));
read(await json("/fleet"));
drawMap([...rows.values()], () => fit, may && choose).then((made) => { regroup = made; });
choices();
draw();
follow();
alarms();
views();
if (may) actOn(() => [...selected], refresh);
setInterval(refresh, REFRESH_MS);
