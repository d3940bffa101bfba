// Names on a map, drawn by the browser's own fonts on a canvas above it: none are fetched, any language is there.
const FONT = 'system-ui, "Noto Sans", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif';
const MARGIN = 4;
// Half of the room (px) of a marker whose name is above or below it: no other name covers the marker.
const MARKER = 5;

/** `lon`, beyond 180 if need be, where it is nearest to another longitude. */
export const beside = (lon, other) => lon + 360 * Math.round((other - lon) / 360);

/** Keep the names of `find()` on `map` while it moves; returns what draws them again when they are others. The
 * first have the room where two would overlap: each is {text, at: [longitude, latitude], size, weight, color, halo,
 * below (px), always}. */
export function showLabels(map, find) {
  const canvas = document.createElement("canvas");
  canvas.className = "labels";
  map.getCanvasContainer().append(canvas);
  const context = canvas.getContext("2d");
  const widths = new Map();
  const width = (text, font) => {
    const key = font + text;
    if (!widths.has(key)) widths.set(key, context.measureText(text).width);
    return widths.get(key);
  };
  const draw = () => {
    const { clientWidth, clientHeight } = map.getContainer();
    const ratio = window.devicePixelRatio;
    canvas.width = clientWidth * ratio;
    canvas.height = clientHeight * ratio;
    context.scale(ratio, ratio);
    Object.assign(context, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 3 });
    const [taken, bounds, centre] = [controls(map), map.getBounds(), map.getCenter().lng];
    for (const it of find()) {
      const at = [beside(it.at[0], centre), it.at[1]];
      if (!bounds.contains(at)) continue;
      const { x: place, y } = map.project(at);
      const middle = y + (it.below ?? 0);
      if (it.below) taken.push([place - MARKER, y - MARKER, place + MARKER, y + MARKER]);
      context.font = `${it.weight} ${it.size}px ${FONT}`;
      const half = width(it.text, context.font) / 2 + MARGIN;
      // The name of a marker is moved into the map; another that would be cut is left out.
      const x = it.below ? Math.max(Math.min(place, clientWidth - half), half) : place;
      if (!it.always && (x < half || x > clientWidth - half)) continue;
      const box = [x - half, middle - it.size * 0.6, x + half, middle + it.size * 0.6];
      if (!it.always && taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      if (it.halo) {
        context.strokeStyle = it.halo;
        context.strokeText(it.text, x, middle);
      }
      context.fillStyle = it.color;
      context.fillText(it.text, x, middle);
    }
  };
  map.on("move", draw);
  draw();
  return draw;
}

/** The room that the map's controls take, and the card above a map. */
function controls(map) {
  const { left, top } = map.getContainer().getBoundingClientRect();
  return [...map.getContainer().querySelectorAll(".maplibregl-ctrl"), ...document.querySelectorAll(".over")].map((it) => it.getBoundingClientRect()).map((box) => (
    [box.left - left, box.top - top, box.right - left, box.bottom - top]
  ));
}

const overlap = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
