// Draws one box on a map with a mouse, a finger or a pen. Boxes may go over the antimeridian.

/** @typedef {[number, number, number, number]} Box West, south, east, north in degrees; east may lie beyond 180. */

const SMALLEST_PIXELS = 5; // less is a click, no box

/** @param {number} longitude */
const wrap = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

/** Writes a box as STAC's bbox: four numbers, longitudes within 180 degrees. @param {Box} box */
export function writeBox([west, south, east, north]) {
  const sides = east - west >= 360 ? [-180, south, 180, north] : [wrap(west), south, wrap(east), north];
  return sides.map((side) => String(Math.round(side * 1e4) / 1e4)).join(",");
}

/** Reads a bbox of four numbers; null if it is none. @param {string} text @returns {Box | null} */
export function readBox(text) {
  const sides = text.split(",").map(Number);
  if (text.trim() === "" || sides.length !== 4 || sides.some(Number.isNaN)) return null;
  const [west, south, east, north] = sides;
  return [west, south, east < west ? east + 360 : east, north];
}

/** Shows *box* as the area of the map, or none. @param {import("./vendor/maplibre-gl.mjs").Map} map @param {Box | null} box */
export function showBox(map, box) {
  const source = /** @type {import("./vendor/maplibre-gl.mjs").GeoJSONSource | undefined} */ (map.getSource("area"));
  if (!box) {
    source?.setData({ type: "FeatureCollection", features: [] });
    return;
  }
  const [west, south, east, north] = box;
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  source?.setData({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } });
}

/** Lets a box be drawn while switched on. */
export class BoxDrawing {
  /** @type {{x: number, y: number} | null} */
  #from = null;
  #isOn = false;

  /** @param {import("./vendor/maplibre-gl.mjs").Map} map @param {(box: Box) => void} finish */
  constructor(map, finish) {
    this.map = map;
    this.finish = finish;
    const canvas = map.getCanvasContainer();
    canvas.addEventListener("pointerdown", (event) => this.#start(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#end(event));
    canvas.addEventListener("pointercancel", () => (this.#from = null));
  }

  get isOn() {
    return this.#isOn;
  }

  /** @param {boolean} isOn */
  switch(isOn) {
    this.#isOn = isOn;
    this.#from = null;
    this.map.dragPan[isOn ? "disable" : "enable"]();
    this.map.getCanvasContainer().classList.toggle("is-drawing", isOn);
  }

  /** @param {PointerEvent} event */
  #start(event) {
    if (!this.#isOn || !event.isPrimary || event.button !== 0) return;
    this.map.getCanvasContainer().setPointerCapture(event.pointerId);
    this.#from = this.#place(event);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.#from && event.isPrimary) showBox(this.map, this.#box(this.#from, this.#place(event)));
  }

  /** @param {PointerEvent} event */
  #end(event) {
    const from = this.#from, to = this.#place(event);
    this.#from = null;
    if (from && Math.min(Math.abs(to.x - from.x), Math.abs(to.y - from.y)) >= SMALLEST_PIXELS) this.finish(this.#box(from, to));
  }

  /** @param {PointerEvent} event */
  #place(event) {
    const frame = this.map.getCanvas().getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  }

  /** @param {{x: number, y: number}} a @param {{x: number, y: number}} b @returns {Box} */
  #box(a, b) {
    const [one, other] = [this.map.unproject([a.x, a.y]), this.map.unproject([b.x, b.y])];
    return [Math.min(one.lng, other.lng), Math.min(one.lat, other.lat), Math.max(one.lng, other.lng), Math.max(one.lat, other.lat)];
  }
}
