// The base map: outlines and names that this host serves.
import { showLabels } from "./labels.js";
import { _, country, language } from "./words.js";

const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const INK = dark ? "#aab6bf" : "#5b6770";
const HALO = dark ? "#1a232a" : "#f7f8f4";
const SEA = dark ? "#10181d" : "#dfeaf0";
const LAND = dark ? "#1d272e" : "#f5f4ee";
const BORDER = dark ? "#3a4751" : "#c4c9c4";
export const STATES = {
  alarm: "#d1345b", silent: "#8a6fc0", moving: dark ? "#45b39d" : "#1f8a70",
  dwelling: dark ? "#5fa8d3" : "#2b7bb0", new: "#97a0a8", ended: "#97a0a8",
};
export const LABELS = {
  place: { size: 11, weight: 400, color: INK, halo: HALO },
  country: { size: 13, weight: 600, color: INK, halo: HALO },
  event: { size: 11, weight: 600, color: dark ? "#e6ebee" : "#27313b", halo: HALO, below: -15 },
  device: { size: 11, weight: 500, color: dark ? "#e6ebee" : "#27313b", halo: HALO, below: 16 },
  count: { size: 12, weight: 600, color: "#fff", always: true },
};
// Places shown from a zoom on, by rank of size.
const RANKS = [[2.5, 40], [3, 120], [4, 400], [5, 1500], [6, Infinity]];

const WORDS = {
  "Map.Title": _("Map"), "NavigationControl.ZoomIn": _("Zoom in"), "NavigationControl.ZoomOut": _("Zoom out"),
};
// A country is named where it is wide enough: degrees of its side, times the map's scale.
const WIDE = 14;

/** The map, in `container`, when it can take layers: around `places` ([longitude, latitude] each) where there are
 * any; `names()` gives labels that go before the usual ones. */
export async function makeMap(container, { places = [], ...options } = {}, names = () => []) {
  const bounds = places.reduce((grown, at) => grown.extend(at), new maplibregl.LngLatBounds());
  const around = bounds.isEmpty() ? {} : { bounds, fitBoundsOptions: { padding: 40, maxZoom: 9 } };
  const map = new maplibregl.Map({
    container, style: style(), attributionControl: false, dragRotate: false, pitchWithRotate: false,
    renderWorldCopies: false, fadeDuration: 0, maxZoom: 13, minZoom: 0.5, center: [60, 48], zoom: 2,
    locale: WORDS, ...around, ...options,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl(), "bottom-left");
  const credit = "Natural Earth · © GeoNames (CC BY 4.0)";
  map.addControl(new maplibregl.AttributionControl({ customAttribution: credit, compact: false }));
  container.map = map; // for whoever looks into the page from outside
  let [ofCountries, ofPlaces] = [[], []];
  fetch("/map/names.json").then((answer) => answer.json()).then(({ countries, places }) => {
    ofCountries = countries.map(([code, name, lon, lat, area]) => (
      { ...LABELS.country, text: country(code, name), at: [lon, lat], area }
    ));
    ofPlaces = places.map(([name, zh, lon, lat]) => (
      { ...LABELS.place, text: language.startsWith("zh") ? zh : name, at: [lon, lat] }
    ));
    map.triggerRepaint();
  });
  await new Promise((done) => map.once("style.load", done));
  map.resize(); // it may have been made before the page had its shape
  showLabels(map, () => {
    const zoom = map.getZoom();
    const most = RANKS.findLast(([from]) => zoom >= from)?.[1] ?? 0;
    return [...names(map), ...(zoom < 6 ? ofCountries.filter(({ area }) => Math.sqrt(area) * 2 ** zoom > WIDE) : []), ...ofPlaces.slice(0, most)];
  });
  return map;
}

function style() {
  return {
    version: 8,
    sources: {
      countries: { type: "geojson", data: new URL("/map/countries.geojson", location).href, tolerance: 0.2 },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": SEA } },
      { id: "land", type: "fill", source: "countries", paint: { "fill-color": LAND } },
      { id: "borders", type: "line", source: "countries", paint: { "line-color": BORDER, "line-width": 0.8 } },
    ],
  };
}
