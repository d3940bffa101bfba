// Devices that lie close together on the map, as one.
const WORLD = 512; // pixels of the whole at zoom 0
const RADIUS = 44; // pixels
const COLUMN = 65_536; // cells from one column to the next: more than there are in one
const AROUND = [-1, 0, 1].flatMap((column) => [-1, 0, 1].map((row) => column * COLUMN + row));
export const SINGLE_ZOOM = 12; // from here on each is drawn by itself

/** `rows`, each with a place `at` and a `state`, in groups as they are drawn at a whole `zoom`. */
export function grouped(rows, zoom) {
  if (zoom >= SINGLE_ZOOM) return rows.map((row) => summary([row]));
  const scale = (WORLD * 2 ** zoom) / RADIUS;
  const cells = new Map();
  const dots = rows.map((row) => {
    const dot = { row, x: scale * (row.at[0] / 360 + 0.5), y: scale * mercator(row.at[1]), taken: false };
    dot.cell = Math.floor(dot.x) * COLUMN + Math.floor(dot.y);
    if (cells.has(dot.cell)) cells.get(dot.cell).push(dot);
    else cells.set(dot.cell, [dot]);
    return dot;
  });
  return dots.flatMap((dot) => (dot.taken ? [] : [summary(gather(dot, cells))]));
}

/** The latitude in degrees as a part of the map's height, from the top. */
function mercator(latitude) {
  const sine = Math.sin((latitude * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

/** The rows around `first` that are in no group yet. */
function gather(first, cells) {
  const near = AROUND.flatMap((step) => cells.get(first.cell + step) ?? []).filter((dot) => (
    !dot.taken && (dot.x - first.x) ** 2 + (dot.y - first.y) ** 2 <= 1
  ));
  near.forEach((dot) => { dot.taken = true; });
  return near.map(({ row }) => row);
}

/** The middle of a group, and what most of it does. */
function summary(rows) {
  const mean = (axis) => rows.reduce((sum, { at }) => sum + at[axis], 0) / rows.length;
  const count = (state) => rows.reduce((sum, row) => sum + (row.state === state), 0);
  const state = rows.length === 1 ? rows[0].state : ["alarm", "silent", "moving"].find((each) => 2 * count(each) >= rows.length) ?? "dwelling";
  return { rows, state, alarm: count("alarm") > 0, at: [mean(0), mean(1)] };
}
