// The base map: outlines and names that this host serves.
import { asset, json } from "./ask.js";
import { showLabels } from "./labels.js";
import * as maplibregl from "./maplibre/maplibre-gl.mjs";
import * as tiles from "./tiles.js";
import { colour } from "./tokens.js";
import { _, country, language, make } from "./words.js";

export { colour };

const [INK, HALO] = [colour("map-ink"), colour("map-halo")];
export const STATES = Object.fromEntries(["alarm", "silent", "moving", "dwelling", "new", "ended"].map((state) => [state, colour(state)]));
export const LABELS = {
  place: { size: 11, weight: 400, color: INK, halo: HALO },
  country: { size: 13, weight: 600, color: INK, halo: HALO },
  event: { size: 11, weight: 600, color: colour("ink"), halo: HALO, below: -15 },
  device: { size: 11, weight: 500, color: colour("ink"), halo: HALO, below: 16 },
  station: { size: 11, weight: 600, color: colour("ink"), halo: HALO, below: -12 },
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

/** Outlines, and the zoom from which the ones before are seen to be coarse. */
const OUTLINES = [["overview", "map/overview.geojson", 0], ["detail", "map/countries.geojson", 3.5], ["near", "map/near.geojson", 6.5]];
const [MAX_ZOOM, MAX_TILES_ZOOM] = [13, 18];

// Its worker begins before there is anything for it to do.
maplibregl.prewarm();

/** The map in `container` around `places` ([longitude, latitude] each), if there are any, when it can take layers;
 * what draws its names again: `names()` gives labels that go before the usual ones; `offer(name, set)`, which adds a
 * layer to the switch; and `explain(signs)`, which adds [class, meaning] pairs to the legend. */
export async function makeMap(container, { places = [], ...options } = {}, names = () => []) {
  const bounds = boundsOf(places);
  const around = bounds.isEmpty() ? {} : { bounds, fitBoundsOptions: { padding: 40, maxZoom: 9 } };
  const isAcross = !bounds.isEmpty() && bounds.getEast() > 180;
  const usual = baseNames();
  const own = tiles.tiles && await tiles.style().catch(() => null);
  const map = new maplibregl.Map({
    container, style: style(own), attributionControl: false, dragRotate: false, pitchWithRotate: false,
    renderWorldCopies: isAcross, fadeDuration: 0, maxZoom: own ? MAX_TILES_ZOOM : MAX_ZOOM, minZoom: 0.5, center: [60, 48], zoom: 2,
    locale: WORDS, ...around, ...options,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl(), "bottom-left");
  const credit = "Natural Earth · © GeoNames (CC BY 4.0)";
  map.addControl(new maplibregl.AttributionControl({ customAttribution: credit, compact: false }));
  map.on("error", () => complain(container));
  if (tiles.tiles && !own) complain(container);
  container.map = map; // for tests and scripts of other pages
  await new Promise((done) => map.once("style.load", done));
  map.resize(); // it may have been made before the page had its shape
  map.on("zoom", () => refine(map));
  refine(map);
  let ofBase = () => [];
  const shown = { names: true, tiles: Boolean(own) };
  const drawNames = showLabels(map, () => [...names(), ...(shown.names && !(shown.tiles && tiles.hasNames()) ? ofBase(map.getZoom()) : [])]);
  usual.then((found) => {
    ofBase = found;
    drawNames();
  });
  const offer = layerSwitch(map);
  if (own) {
    offer(_("Map tiles"), (isOn) => {
      shown.tiles = isOn;
      show(map, own.layers.map(({ id }) => id), isOn);
      drawNames();
    });
  }
  offer(_("Names of places"), (isOn) => {
    shown.names = isOn;
    drawNames();
  });
  return { map, drawNames, offer, explain: legend(map) };
}

/** Show layers, or not. */
export const show = (map, ids, isOn) => ids.filter((id) => map.getLayer(id)).forEach((id) => (
  map.setLayoutProperty(id, "visibility", isOn ? "visible" : "none")
));

/** A legend in a corner of the map; what adds signs to it. */
function legend(map) {
  const list = make("div", { tabindex: 0 }); // it may have to be scrolled
  const box = make("details", { class: "maplibregl-ctrl maplibregl-ctrl-group layers signs" }, make("summary", {}, _("Legend")), list);
  map.addControl({ onAdd: () => box, onRemove: () => box.remove() }, "top-right");
  return (signs) => list.append(...signs.map(([kind, meaning]) => make("p", { class: `key ${kind}` }, meaning)));
}

/** A list of check boxes in a corner of the map; what adds one. */
function layerSwitch(map) {
  const list = make("div", {});
  const box = make("details", { class: "maplibregl-ctrl maplibregl-ctrl-group layers" }, make("summary", {}, _("Layers")), list);
  map.addControl({ onAdd: () => box, onRemove: () => box.remove() }, "top-right");
  return (name, set) => {
    const check = make("input", { type: "checkbox", checked: "" });
    check.addEventListener("change", () => set(check.checked));
    list.append(make("label", { class: "check" }, check, ` ${name}`));
  };
}

/** Say once that a part of the map does not come: the rest works. */
function complain(container) {
  if (container.querySelector(".missing")) return;
  container.append(make("p", { class: "missing", role: "status" }, _("A part of the map cannot be loaded.")));
}

/** Around all places ([longitude, latitude] each), beginning east of the widest gap between them, so that the east is
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

/** Put finer outlines in place of coarse ones, once the map is zoomed in. */
function refine(map) {
  OUTLINES.slice(1).forEach(([source, path, zoom], i) => {
    if (map.getZoom() < zoom || map.getSource(source)) return;
    map.addSource(source, outlines(path));
    map.addLayer({ ...land(source), minzoom: zoom }, map.getLayersOrder().find((id) => !OUTLINES.some(([name]) => name === id)));
    const replace = ({ sourceId }) => {
      if (sourceId !== source || !map.isSourceLoaded(source)) return;
      map.off("sourcedata", replace);
      OUTLINES.slice(0, i + 1).filter(([name]) => map.getLayer(name)).forEach(([name]) => {
        const layer = map.getLayer(name);
        map.setLayerZoomRange(name, layer.minzoom, Math.min(layer.maxzoom ?? zoom, zoom));
      });
    };
    map.on("sourcedata", replace);
  });
}

const outlines = (path) => ({ type: "geojson", data: asset(path), tolerance: 0.2 });
const land = (source) => ({ id: source, type: "fill", source, paint: { "fill-color": colour("land"), "fill-outline-color": colour("frontier") } });
const style = (own) => ({
  version: 8, ...own, sources: { overview: outlines(OUTLINES[0][1]), ...own?.sources }, layers: [land("overview"), ...(own?.layers ?? [])],
});
