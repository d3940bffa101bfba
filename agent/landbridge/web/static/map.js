// The base map: outlines and names that this host serves.
import { asset, json } from "./ask.js";
import { showLabels } from "./labels.js";
import * as maplibregl from "./maplibre/maplibre-gl.mjs";
import { _, country, language } from "./words.js";

const tokens = getComputedStyle(document.documentElement);
/** A colour of the design tokens. */
export const colour = (name) => tokens.getPropertyValue(`--${name}`).trim();
const [INK, HALO] = [colour("map-ink"), colour("map-halo")];
export const STATES = Object.fromEntries(["alarm", "silent", "moving", "dwelling", "new", "ended"].map((state) => [state, colour(state)]));
export const LABELS = {
  place: { size: 11, weight: 400, color: INK, halo: HALO },
  country: { size: 13, weight: 600, color: INK, halo: HALO },
  event: { size: 11, weight: 600, color: colour("ink"), halo: HALO, below: -15 },
  device: { size: 11, weight: 500, color: colour("ink"), halo: HALO, below: 16 },
  count: { size: 12, weight: 600, color: colour("paper"), always: true },
};
// Places shown from a zoom on, by rank of size.
const RANKS = [[2.5, 40], [3, 120], [4, 400], [5, 1500], [6, Infinity]];

const WORDS = {
  "Map.Title": _("Map"), "AttributionControl.ToggleAttribution": _("Map attribution"),
  "NavigationControl.ZoomIn": _("Zoom in"), "NavigationControl.ZoomOut": _("Zoom out"),
};
// A country is named where it is wide enough: degrees of its side, times the map's scale.
const WIDE = 14;

const OVERVIEW = "map/overview.geojson";
const DETAIL = "map/countries.geojson";
const DETAIL_ZOOM = 3.5; // from here on the coarse outlines are seen to be coarse

// Its worker begins before there is anything for it to do.
maplibregl.prewarm();

/** The map in `container` around `places` ([longitude, latitude] each), if there are any, when it can take layers;
 * and what draws its names again: `names()` gives labels that go before the usual ones. */
export async function makeMap(container, { places = [], ...options } = {}, names = () => []) {
  const bounds = boundsOf(places);
  const around = bounds.isEmpty() ? {} : { bounds, fitBoundsOptions: { padding: 40, maxZoom: 9 } };
  const isAcross = !bounds.isEmpty() && bounds.getEast() > 180;
  const map = new maplibregl.Map({
    container, style: style(), attributionControl: false, dragRotate: false, pitchWithRotate: false,
    renderWorldCopies: isAcross, fadeDuration: 0, maxZoom: 13, minZoom: 0.5, center: [60, 48], zoom: 2,
    locale: WORDS, ...around, ...options,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl(), "bottom-left");
  const credit = "Natural Earth · © GeoNames (CC BY 4.0)";
  map.addControl(new maplibregl.AttributionControl({ customAttribution: credit, compact: false }));
  container.map = map; // for whoever looks into the page from outside
  const usual = baseNames();
  await new Promise((done) => map.once("style.load", done));
  map.resize(); // it may have been made before the page had its shape
  map.on("zoom", () => refine(map));
  refine(map);
  let ofBase = () => [];
  const drawNames = showLabels(map, () => [...names(), ...ofBase(map.getZoom())]);
  usual.then((found) => {
    ofBase = found;
    drawNames();
  });
  return { map, drawNames };
}

/** Around all places ([longitude, latitude] each): from behind the widest gap between them on, so that the east is
 * beyond 180 where they lie on both sides of that meridian. */
export function boundsOf(places) {
  const lons = places.map(([lon]) => lon).sort((a, b) => a - b);
  const widths = lons.map((lon, i) => lon - (i ? lons[i - 1] : lons.at(-1) - 360));
  const west = lons[widths.indexOf(Math.max(...widths))];
  const beyond = places.map(([lon, lat]) => [lon < west ? lon + 360 : lon, lat]);
  return beyond.reduce((grown, at) => grown.extend(at), new maplibregl.LngLatBounds());
}

/** The names of the base map, the first first, by zoom. */
async function baseNames() {
  const { countries, places } = await json(asset("map/names.json"));
  const ofCountries = countries.map(([code, name, lon, lat, area]) => (
    { ...LABELS.country, text: country(code, name), at: [lon, lat], area }
  ));
  const ofPlaces = places.map(([name, zh, lon, lat]) => (
    { ...LABELS.place, text: language.startsWith("zh") ? zh : name, at: [lon, lat] }
  ));
  return (zoom) => {
    const most = RANKS.findLast(([from]) => zoom >= from)?.[1] ?? 0;
    const wide = zoom < 6 ? ofCountries.filter(({ area }) => Math.sqrt(area) * 2 ** zoom > WIDE) : [];
    return [...wide, ...ofPlaces.slice(0, most)];
  };
}

/** Put the outlines in detail in place of the coarse ones, once somebody looks near. */
function refine(map) {
  if (map.getZoom() < DETAIL_ZOOM || map.getSource("detail")) return;
  const [, above] = map.getLayersOrder();
  map.addSource("detail", outlines(DETAIL));
  map.addLayer({ ...land("detail"), minzoom: DETAIL_ZOOM }, above);
  const replace = ({ sourceId }) => {
    if (sourceId !== "detail" || !map.isSourceLoaded("detail")) return;
    map.off("sourcedata", replace);
    map.setLayerZoomRange("overview", 0, DETAIL_ZOOM);
  };
  map.on("sourcedata", replace);
}

const outlines = (path) => ({ type: "geojson", data: asset(path), tolerance: 0.2 });
const land = (source) => ({ id: source, type: "fill", source, paint: { "fill-color": colour("land"), "fill-outline-color": colour("frontier") } });
const style = () => ({ version: 8, sources: { overview: outlines(OVERVIEW) }, layers: [land("overview")] });
