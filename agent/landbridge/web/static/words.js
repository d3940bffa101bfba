// Words and times as the viewer reads them.
const { messages, labels } = JSON.parse(document.getElementById("texts").textContent);
export const language = document.documentElement.lang;

/** A message in the language of the page, with a value for each {placeholder}. */
export const _ = (message, values = {}) => (
  (messages[message] ?? message).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
);

/** What a person reads for a code of the API. */
export const label = (code) => labels[code] ?? code;

// The server's clock: in a replayed world it is not the browser's.
const loaded = Date.now();
const served = Date.parse(document.documentElement.dataset.now);
export const now = () => served + (Date.now() - loaded);

const locale = navigator.languages.find((each) => each.slice(0, 2) === language.slice(0, 2)) ?? language;
const SHORT = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
const date = new Intl.DateTimeFormat(locale, SHORT);
const dateOfAnotherYear = new Intl.DateTimeFormat(locale, { ...SHORT, year: "numeric" });
const dayOf = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });
const dayOfAnotherYear = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", year: "numeric" });
const [zone] = new Intl.DateTimeFormat("en", { timeZoneName: "longOffset" }).formatToParts(now()).filter(({ type }) => type === "timeZoneName");

/** The offset of the viewer's zone, as "UTC+08:00", or "UTC". */
export const offset = zone.value.replace("GMT", "UTC").replace("+00:00", "");
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60]];

/** A time (ms) in the viewer's zone; of a `day` only the date. */
export function at(ms, day = false) {
  const isThisYear = new Date(ms).getFullYear() === new Date(now()).getFullYear();
  if (day) return (isThisYear ? dayOf : dayOfAnotherYear).format(ms);
  return (isThisYear ? date : dateOfAnotherYear).format(ms);
}

/** A time (ms) as so long ago, or in so long. */
export function ago(ms) {
  const seconds = (ms - now()) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length * 1.5) return relative.format(Math.round(seconds / length), unit);
  }
  const minutes = Math.round(seconds / 60);
  return minutes ? relative.format(minutes, "minute") : _("now");
}

const unit = (name) => new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "long", maximumFractionDigits: 0 });
const LENGTHS = [["day", 48 * 3600, 86400], ["hour", 5400, 3600], ["minute", 0, 60]].map(([name, ...rest]) => [unit(name), ...rest]);

/** A length of time in seconds, in words. */
export function duration(seconds) {
  const [format, , length] = LENGTHS.find(([, least]) => seconds >= least);
  return format.format(seconds / length);
}

const regions = new Intl.DisplayNames(language, { type: "region" });

/** The name of a country, by its code of two letters. */
export function country(code, otherwise) {
  try {
    return regions.of(code);
  } catch {
    return otherwise;
  }
}

/** What a station is called in the language of the page. */
export const stationName = (it) => (language.startsWith("zh") && it.chinese) || it.name;

/** An element with text, attributes and children. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A <time> that says its UTC time on hover; a dash for null. */
export function time(iso, how = "ago") {
  if (!iso) return document.createTextNode("–");
  const made = make("time", { datetime: iso, "data-how": how });
  show(made);
  return made;
}

/** Fill a <time> in. */
export function show(element) {
  const ms = Date.parse(element.dateTime);
  const how = element.dataset.how;
  element.textContent = how === "at" ? at(ms) : how === "day" ? at(ms, true) : how === "ago" ? ago(ms) : `${at(ms)} (${ago(ms)})`;
  element.title = element.dateTime.replace("T", " ").replace("Z", " UTC") + (how === "ago" && offset !== "UTC" ? ` = ${at(ms)} ${offset}` : "");
}
