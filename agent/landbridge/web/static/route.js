// A route on the map: the part travelled, the part ahead, its stations and borders.
import { colour, LABELS } from "./map.js";
import { _, country, stationName } from "./words.js";

const NAMED = { hub: 0, border: 1, gauge: 2, yard: 3 };
const YARD_ZOOM = 5; // from here on yards are named, and further the stations on the line
const LINE_ZOOM = 7;

/** Draw `route` (as /v1/devices/{device}/route has it) on `map`, below its layer `below`; returns the labels. */
export function drawRoute(map, { stations, km }, below) {
  if (!stations.length) return () => [];
  map.addSource("route", { type: "geojson", data: lines(stations, km) });
  map.addSource("stations", { type: "geojson", data: dots(stations, km) });
  const line = { type: "line", source: "route", layout: { "line-cap": "round", "line-join": "round" } };
  map.addLayer({
    ...line, id: "route-travelled", filter: ["get", "travelled"],
    paint: { "line-color": colour("travelled"), "line-width": 4, "line-opacity": 0.35 },
  }, below);
  map.addLayer({
    ...line, id: "route-ahead", filter: ["!", ["get", "travelled"]],
    paint: { "line-color": colour("planned"), "line-width": 2.5, "line-dasharray": [2, 1.5] },
  }, below);
  map.addLayer({
    id: "stations", type: "circle", source: "stations", filter: ["any", ["!=", ["get", "kind"], "line"], [">=", ["zoom"], LINE_ZOOM]],
    paint: {
      "circle-radius": ["match", ["get", "kind"], ["hub", "border", "gauge"], 4, 2.5],
      "circle-color": colour("paper"), "circle-stroke-width": 2,
      "circle-stroke-color": ["case", ["get", "border"], colour("border"), ["get", "travelled"], colour("travelled"), colour("planned")],
    },
  }, below);
  return () => names(stations, map.getZoom());
}

export const ROUTE_SIGNS = [
  ["travelled", _("Route travelled")], ["planned", _("Route ahead")],
  ["station", _("Station; larger: terminal, border or gauge change")], ["station border", _("Last station before a border")],
];
export const ROUTE_LAYERS = ["route-travelled", "route-ahead", "stations"];

function lines(stations, km) {
  const here = km === null ? [] : [at(stations, km)];
  const [passed, ahead] = [stations.filter((it) => km !== null && it.km <= km), stations.filter((it) => km === null || it.km > km)];
  const stroke = (places, travelled) => ({
    type: "Feature", properties: { travelled }, geometry: { type: "LineString", coordinates: places },
  });
  const parts = [stroke([...passed.map(place), ...here], true), stroke([...here, ...ahead.map(place)], false)];
  return { type: "FeatureCollection", features: parts.filter(({ geometry }) => geometry.coordinates.length > 1) };
}

const place = ({ longitude, latitude }) => [longitude, latitude];

/** The place at a kilometre. */
export function at(stations, km) {
  const next = Math.min(Math.max(stations.findIndex((it) => it.km >= km), 1), stations.length - 1);
  const [a, b] = [stations[next - 1], stations[next]];
  const part = Math.min(Math.max((km - a.km) / (b.km - a.km), 0), 1);
  return [a.longitude + part * (b.longitude - a.longitude), a.latitude + part * (b.latitude - a.latitude)];
}

const isBorder = (stations, i) => i + 1 < stations.length && stations[i].country !== stations[i + 1].country;

function dots(stations, km) {
  return {
    type: "FeatureCollection",
    features: stations.map((it, i) => ({
      type: "Feature", geometry: { type: "Point", coordinates: place(it) },
      properties: { kind: it.kind, border: isBorder(stations, i), travelled: km !== null && it.km <= km },
    })),
  };
}

/** The names of stations: ends and borders first, those on the open line only when one looks near. */
function names(stations, zoom) {
  const rank = (i) => (i === 0 || i === stations.length - 1 ? -1 : isBorder(stations, i) ? 1 : NAMED[stations[i].kind] ?? 4);
  const most = zoom >= LINE_ZOOM ? 4 : zoom >= YARD_ZOOM ? 3 : 2;
  return [...stations.keys()].filter((i) => rank(i) <= most).sort((i, j) => rank(i) - rank(j)).map((i) => {
    const over = isBorder(stations, i) ? ` ${country(stations[i].country, stations[i].country)} → ${country(stations[i + 1].country, stations[i + 1].country)}` : "";
    const text = stationName(stations[i]) + (zoom >= YARD_ZOOM ? over : "");
    return { ...LABELS.station, text, at: place(stations[i]) };
  });
}
