// A track on the map: overview first, all points of what is looked at when that is nearer.
import { json, ms, summed } from "./ask.js";
import * as eventView from "./events.js";
import { beside } from "./labels.js";
import { colour, LABELS, makeMap, show, STATES } from "./map.js";
import { drawRoute, ROUTE_LAYERS, ROUTE_SIGNS } from "./route.js";
import { _, make } from "./words.js";

const HOUR_MS = 3600_000;
const GAP_MS = 6 * HOUR_MS;
const LATE_MS = 24 * HOUR_MS;
const EMPTY = { type: "FeatureCollection", features: [] };
const RAMP = ["#46327e", "#277f8e", "#4ac16d", "#f6d746"];
const SCALES = {
  signal: { of: "rsrp", from: -125, until: -75, unit: "dBm" },
  speed: { of: "speed", from: 0, until: 90, unit: "km/h" },
  delay: { of: "delay_h", from: 0, until: 48, unit: "h" },
};

/** The points of an outline; `bits`: of events that are alarms, of flags that keep a point off the line or the map. */
export function read({ columns: it }, bits) {
  const [seqs, taken, lats, lons] = [it.seq, it.at_s, it.lat, it.lon].map(summed);
  return seqs.map((seq, i) => ({
    seq, taken: ms(taken[i]), received: ms(taken[i] + it.delay_s[i]), late: it.delay_s[i] * 1000 >= LATE_MS,
    where: lats[i] === null || it.flags[i] & bits.nowhere ? null : [lons[i] / 1e5, lats[i] / 1e5],
    doubtful: (it.flags[i] & bits.doubtful) !== 0, speed: it.speed[i], rsrp: it.rsrp[i] ? -it.rsrp[i] : null,
    volts: it.battery[i] / 50, celsius: it.temperature[i] / 2, delay_h: Math.max(0, it.delay_s[i]) / 3600, alarm: (it.events[i] & bits.alarms) !== 0,
  }));
}

/** The track of a device. `known()`: only what had come in by then; `seek` moves the moment. */
export class Track {
  constructor(base, overview, step_s, bits, events, { known, seek, chosen }) {
    Object.assign(this, { base, overview, bits, events, known, seek, chosen, happened: [], stations: () => [] });
    this.isWhole = step_s === 1;
    this.gap = Math.max(GAP_MS, 3000 * step_s);
    this.fixes = overview.filter((it) => it.where);
    this.map = null;
  }

  /** Put it on a map in `container`, as it is at `now`. */
  async show(container, now, by, scale) {
    const places = this.fixes.filter(isGood).map((it) => it.where);
    const { map: made, drawNames, offer, explain } = await makeMap(container, { places }, () => [...eventView.names(this.happened), ...this.stations()]);
    for (const [source, data] of Object.entries(this.at(now))) made.addSource(source, { type: "geojson", data });
    // Rings below the track: it passes through them.
    made.addLayer({
      id: "events", type: "circle", source: "events",
      paint: {
        "circle-radius": 7, "circle-color": "rgba(0,0,0,0)",
        "circle-stroke-color": eventView.COLOUR_OF_TYPE, "circle-stroke-width": 3,
      },
    });
    const line = { "line-color": colour("travelled"), "line-width": 2 };
    made.addLayer({ id: "track", type: "line", source: "lines", filter: ["!", ["get", "gap"]], paint: line });
    made.addLayer({
      id: "gaps", type: "line", source: "lines", filter: ["get", "gap"],
      paint: { "line-color": colour("gap"), "line-width": 2, "line-dasharray": [1, 2] },
    });
    made.addLayer({
      id: "points", type: "circle", source: "points",
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 2, 2.5, 7, 5],
        "circle-opacity": ["case", ["get", "doubtful"], 0.25, 1],
        "circle-stroke-color": ["case", ["get", "late"], LABELS.device.color, "rgba(255,255,255,0.8)"],
        "circle-stroke-width": ["case", ["get", "late"], 1.3, 0.6],
      },
    });
    made.addLayer({
      id: "here", type: "circle", source: "here",
      paint: { "circle-radius": 8, "circle-color": STATES.moving, "circle-stroke-color": "#fff", "circle-stroke-width": 3 },
    });
    made.addSource("hover", { type: "geojson", data: EMPTY });
    made.addLayer({ id: "hover", type: "circle", source: "hover", paint: { "circle-radius": 6, "circle-color": colour("main"), "circle-stroke-color": "#fff", "circle-stroke-width": 2 } });
    made.on("click", "points", ({ features: [found] }) => {
      this.seek(found.properties.taken);
      this.chosen(found.properties.seq);
    });
    made.on("click", "events", ({ features: [found] }) => this.seek(found.properties.at));
    Object.assign(this, { map: made, drawNames });
    drawNames();
    this.paint(by, scale);
    if (!this.isWhole) made.on("moveend", () => this.nearer());
    explain([["track", _("Track")], ["here", _("Position at the selected time")], ["doubtful", _("Doubtful position")], ...eventView.SIGNS]);
    made.once("idle", () => this.addRoute(offer, explain));
  }

  /** The route is drawn when the track is there. */
  async addRoute(offer, explain) {
    const route = await json(`${this.base}/route`);
    if (!route.stations.length) return;
    const names = drawRoute(this.map, route, "events");
    explain(ROUTE_SIGNS);
    let isOn = true;
    this.stations = () => (isOn ? names() : []);
    offer(_("Route and stations"), (chosen) => {
      isOn = chosen;
      show(this.map, ROUTE_LAYERS, isOn);
      this.drawNames();
    });
    this.drawNames();
  }

  /** Put all points of what the map shows, or as many as it can bear, between those of the overview. */
  async nearer() {
    // A map that goes on beyond 180 may have been turned around, or show more than one world.
    const centre = this.map.getCenter().lng;
    const side = (lon) => beside(centre, 0) + Math.min(Math.max(lon - centre, -180), 180);
    const [[left, south], [right, north]] = this.map.getBounds().toArray();
    const [west, east] = [left, right].map(side);
    const asked = `${this.base}/outline?most=2000&box=${[west, south, east, north].map((each) => each.toFixed(4))}`;
    this.asked = asked;
    const answer = await json(asked);
    if (this.asked !== asked) return; // it was moved on
    const all = new Map([...this.overview, ...read(answer, this.bits)].map((it) => [it.seq, it]));
    this.fixes = [...all.values()].filter((it) => it.where).sort((a, b) => a.taken - b.taken);
    this.draw(this.now);
  }

  draw(now) {
    if (!this.map) return;
    for (const [source, data] of Object.entries(this.at(now))) this.map.getSource(source).setData(data);
    this.drawNames();
  }

  /** The sources of the map as they are at `now`. */
  at(now) {
    this.now = now;
    const passed = this.fixes.filter((it) => it.taken <= now && (!this.known() || it.received <= now));
    this.happened = this.events.filter((it) => eventView.when(it) <= now);
    const good = passed.filter(isGood);
    const last = good.at(-1);
    return {
      lines: { type: "FeatureCollection", features: this.lines(good) },
      points: { type: "FeatureCollection", features: passed.map(dot) },
      events: eventView.features(this.happened),
      here: last ? dot(last) : EMPTY,
    };
  }

  /** Mark where it was at a time; null: nowhere. */
  mark(time) {
    const fix = time === null ? null : this.fixes.findLast((it) => it.taken <= time && isGood(it));
    this.map?.getSource("hover")?.setData(fix ? dot(fix) : EMPTY);
  }

  lines(passed) {
    const features = [];
    let piece = [];
    const end = () => {
      if (piece.length > 1) features.push(stroke(piece, false));
      piece = [];
    };
    passed.forEach((it, i) => {
      const before = passed[i - 1];
      if (before && it.taken - before.taken >= this.gap) {
        end();
        features.push(stroke([before.where, it.where], true));
      }
      piece.push(it.where);
    });
    end();
    return features;
  }

  paint(by, scale) {
    const { of, from: low, until: high, unit } = SCALES[by];
    const stops = RAMP.flatMap((each, i) => [low + (i * (high - low)) / (RAMP.length - 1), each]);
    const value = ["case", ["==", ["typeof", ["get", of]], "number"], ["interpolate", ["linear"], ["to-number", ["get", of]], ...stops], "#9aa3ab"];
    this.map?.setPaintProperty("points", "circle-color", ["case", ["get", "alarm"], STATES.alarm, value]);
    const bar = make("i", { class: "ramp", role: "img", "aria-label": _("colours from low to high") });
    scale.replaceChildren(`${low} `, bar, ` ${high} ${unit}`);
  }
}

/** A line through `places`; across the 180th meridian it goes on beyond 180. */
const stroke = (places, gap) => {
  const coordinates = [];
  for (const [lon, lat] of places) coordinates.push([beside(lon, coordinates.at(-1)?.[0] ?? lon), lat]);
  return { type: "Feature", properties: { gap }, geometry: { type: "LineString", coordinates } };
};

/** Whether it belongs on the line: others are shown where they say, pale, and nothing goes there. */
const isGood = (it) => !it.doubtful;

const dot = ({ where, seq, rsrp, speed, delay_h, late, taken, alarm, doubtful }) => ({
  type: "Feature", properties: { seq, rsrp, speed, delay_h, late, taken, alarm, doubtful },
  geometry: { type: "Point", coordinates: where },
});
