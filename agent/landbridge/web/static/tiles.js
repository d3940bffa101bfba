// The operator's own map: raster tiles, a vector style, or a PMTiles file.
import { asset, json } from "./ask.js";
import { addProtocol } from "./maplibre/maplibre-gl.mjs";
import { colour } from "./tokens.js";

const given = document.documentElement.dataset.tiles;
/** What the setting says: {kind, url, credit}, or null. */
export const tiles = given ? JSON.parse(given) : null;
const PREFIX = "tiles-";
const VECTOR = [1, 6]; // kinds of tiles of a PMTiles file: MVT, MLT
/** How layers of the usual schemas (Protomaps, OpenMapTiles) are drawn; others, as an operator makes them of his
 * own data, as lines and dots. */
const AREAS = {
  earth: "land", water: "sea", landuse: "ground", landcover: "ground", landuse_overlay: "ground", park: "ground", natural: "ground",
  buildings: "edge", building: "edge",
};
const RAIL = ["any", ["==", ["get", "kind"], "rail"], ["==", ["get", "class"], "rail"], ["==", ["get", "railway"], "rail"]];
const LINES = { boundaries: "frontier", boundary: "frontier", roads: "edge", transportation: "edge", transit: "edge" };
const NOT_DRAWN = ["places", "pois", "place", "poi", "housenumber", "water_name", "transportation_name", "mountain_peak", "aerodrome_label"];

/** The style's parts of these tiles: sources, layers, and perhaps glyphs and sprite. */
export async function style() {
  const parts = await { raster, style: ofStyle, pmtiles }[tiles.kind]();
  return {
    ...parts,
    sources: Object.fromEntries(Object.entries(parts.sources).map(([name, it]) => [PREFIX + name, it])),
    layers: parts.layers.map((it) => ({ ...it, id: PREFIX + it.id, ...(it.source && { source: PREFIX + it.source }) })),
  };
}

/** Whether places are named in these tiles. */
export const hasNames = () => tiles.kind !== "pmtiles";

const raster = async () => ({
  sources: { raster: { type: "raster", tiles: [tiles.url], tileSize: 256, attribution: tiles.credit } },
  layers: [{ id: "raster", type: "raster", source: "raster" }],
});

async function ofStyle() {
  const found = await json(tiles.url);
  const whole = (it) => (typeof it === "string" ? new URL(it, tiles.url).href.replaceAll("%7B", "{").replaceAll("%7D", "}") : it);
  const sources = Object.entries(found.sources).map(([name, it]) => (
    [name, { ...it, ...(it.url && { url: whole(it.url) }), ...(it.tiles && { tiles: it.tiles.map(whole) }) }]
  ));
  return {
    sources: Object.fromEntries(sources), layers: found.layers,
    ...(found.glyphs && { glyphs: whole(found.glyphs) }), ...(found.sprite && { sprite: whole(found.sprite) }),
  };
}

async function pmtiles() {
  await script(asset("pmtiles/pmtiles.js"));
  const { PMTiles, Protocol } = window.pmtiles;
  const archive = new PMTiles(new URL(tiles.url, location.href).href);
  const [header, about] = await Promise.all([archive.getHeader(), archive.getMetadata()]);
  const protocol = new Protocol({ metadata: true });
  protocol.add(archive);
  addProtocol("pmtiles", protocol.tile);
  const isVector = VECTOR.includes(header.tileType);
  const source = { type: isVector ? "vector" : "raster", url: `pmtiles://${archive.source.getKey()}`, ...(isVector ? {} : { tileSize: 256 }) };
  return {
    sources: { file: { ...source, attribution: tiles.credit || about.attribution } },
    layers: isVector ? (about.vector_layers ?? []).flatMap(({ id }) => drawn(id)).sort((a, b) => rank(a) - rank(b)) : [{ id: "file", type: "raster", source: "file" }],
  };
}

/** Land under water under all else; areas under lines under dots. */
const rank = (it) => 100 * ["fill", "line", "circle"].indexOf(it.type) + Object.keys(AREAS).indexOf(it["source-layer"]);

function drawn(id) {
  const of = (type, rest) => ({ id: `${id}-${type}`, type, source: "file", "source-layer": id, ...rest });
  const shape = (kind, ...more) => ({ filter: ["all", ["==", ["geometry-type"], kind], ...more] });
  if (NOT_DRAWN.includes(id)) return [];
  if (id in AREAS) return [of("fill", { ...shape("Polygon"), paint: { "fill-color": colour(AREAS[id]) } })];
  const rails = { ...of("line", { ...shape("LineString", RAIL), paint: { "line-color": colour("map-ink"), "line-width": 1.2 } }), id: `${id}-rail` };
  if (id in LINES) return [of("line", { ...shape("LineString", ["!", RAIL]), paint: { "line-color": colour(LINES[id]), "line-width": 1 } }), rails];
  return [
    of("fill", { ...shape("Polygon"), paint: { "fill-color": colour("ground"), "fill-outline-color": colour("edge") } }),
    of("line", { ...shape("LineString"), paint: { "line-color": colour("map-ink"), "line-width": 1.2 } }),
    of("circle", { ...shape("Point"), paint: { "circle-radius": 3, "circle-color": colour("map-ink") } }),
  ];
}

function script(src) {
  return new Promise((done, failed) => {
    const made = Object.assign(document.createElement("script"), { src, onload: done, onerror: failed });
    document.head.append(made);
  });
}
