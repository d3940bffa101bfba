// Why the device woke and slept, around a moment: asked for by the day, as there may be many.
import { json } from "./ask.js";
import { _, make, time } from "./words.js";

const DAY_MS = 24 * 3600_000;
const ROWS = 8;
const PATIENCE_MS = 150; // while the slider moves nothing is asked for

export class Wakes {
  constructor(base, body) {
    Object.assign(this, { base, body, days: new Map(), timer: null });
  }

  /** Show those around `now`; ask for what is not there yet. */
  show(now) {
    this.now = now;
    const wanted = [-1, 0, 1].map((step) => Math.floor(now / DAY_MS) + step);
    const missing = wanted.filter((day) => !this.days.has(day));
    clearTimeout(this.timer);
    if (missing.length) this.timer = setTimeout(() => this.ask(missing), PATIENCE_MS);
    const near = wanted.flatMap((day) => this.days.get(day) ?? []);
    const next = near.findIndex((wake) => wake.at > now);
    const passed = next < 0 ? near.length : next;
    const first = Math.max(0, Math.min(passed - ROWS / 2, near.length - ROWS));
    this.body.replaceChildren(...near.slice(first, first + ROWS).flatMap((wake, i, all) => [...this.heading(wake, all[i - 1]), make(
      "tr", first + i === passed - 1 ? { class: "here", "aria-current": "true" } : {}, make("td", {}, time(wake.time, "at")),
      make("td", { class: "sentence" }, _(wake.did)), make("td", { class: "sentence" }, _(wake.slept)), make("td", {}, wake.joules.toFixed(1)),
    )]));
  }

  /** The day of a wake, and what its wakes took, if it is the first of the day. */
  heading(wake, before) {
    const dayOf = (it) => Math.floor(it.at / DAY_MS);
    if (before && dayOf(before) === dayOf(wake)) return [];
    const day = this.days.get(dayOf(wake)) ?? [];
    const joules = day.reduce((sum, it) => sum + it.joules, 0).toFixed(0);
    const text = _("{number} wakes, {joules} J", { number: day.length, joules });
    return [make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: 4 }, time(wake.time, "day"), ` · ${text}`))];
  }

  async ask(days) {
    const iso = (day) => new Date(day * DAY_MS).toISOString();
    await Promise.all(days.map(async (day) => {
      const { wakes } = await json(`${this.base}/wakes?limit=2000&since=${iso(day)}&until=${iso(day + 1)}`);
      this.days.set(day, wakes.map((wake) => ({ ...wake, at: Date.parse(wake.time) })));
    }));
    this.show(this.now);
  }
}
