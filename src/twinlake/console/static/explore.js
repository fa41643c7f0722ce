// The explore page: footprints follow the results, a drawn area becomes the bbox, results and footprints point at each other.
import { boundsOf, createMap, readFootprints } from "./map.js";
import { TerraDraw, TerraDrawRectangleMode } from "./vendor/terra-draw.js";
import { TerraDrawMapLibreGLAdapter } from "./vendor/terra-draw-maplibre-gl-adapter.js";

const element = /** @type {HTMLElement} */ (document.getElementById("map"));
const form = /** @type {HTMLFormElement} */ (document.getElementById("search"));
const box = /** @type {HTMLInputElement} */ (document.getElementById("bbox"));
const drawButton = /** @type {HTMLButtonElement} */ (document.getElementById("draw"));
const eraseButton = /** @type {HTMLButtonElement} */ (document.getElementById("erase"));
const map = createMap(element);
const drawing = new TerraDraw({ adapter: new TerraDrawMapLibreGLAdapter({ map }), modes: [new TerraDrawRectangleMode({ drawInteraction: "click-move-or-drag" })] });
let marked = "";

/** Marks one result on the map and in the list. @param {string} key */
function mark(key) {
  if (key === marked) return;
  if (marked) map.setFeatureState({ source: "footprints", id: marked }, { marked: false });
  marked = key;
  if (key) map.setFeatureState({ source: "footprints", id: key }, { marked: true });
  for (const row of document.querySelectorAll("#answer .row")) row.classList.toggle("is-marked", row.getAttribute("data-item") === key);
}

/** Longitudes that a map drawn over the antimeridian gives lie beyond 180. @param {number} longitude */
const wrap = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

function showDrawnArea() {
  const shape = drawing.getSnapshot().find((feature) => feature.geometry.type === "Polygon");
  if (!shape) return;
  const ring = /** @type {number[][]} */ (shape.geometry.coordinates[0]);
  const longitudes = ring.map((position) => position[0]), latitudes = ring.map((position) => position[1]);
  const sides = [wrap(Math.min(...longitudes)), Math.min(...latitudes), wrap(Math.max(...longitudes)), Math.max(...latitudes)];
  box.value = sides.map((side) => side.toFixed(3)).join(",");
  drawing.setMode("static");
  drawButton.setAttribute("aria-pressed", "false");
  form.requestSubmit();
}

map.on("load", () => {
  drawing.start();
  drawing.on("finish", showDrawnArea);
});
drawButton.addEventListener("click", () => {
  const draw = drawButton.getAttribute("aria-pressed") !== "true";
  drawing.clear();
  drawing.setMode(draw ? "rectangle" : "static");
  drawButton.setAttribute("aria-pressed", String(draw));
});
eraseButton.addEventListener("click", () => {
  drawing.clear();
  box.value = "";
  form.requestSubmit();
});
map.on("mousemove", "footprints-fill", (event) => mark(String(event.features?.[0]?.id ?? "")));
map.on("mouseleave", "footprints-fill", () => mark(""));
map.on("click", "footprints-fill", (event) => {
  if (drawButton.getAttribute("aria-pressed") === "true") return;
  const key = String(event.features?.[0]?.id ?? "");
  document.querySelector(`#answer .row[data-item="${CSS.escape(key)}"]`)?.scrollIntoView({ block: "nearest" });
});
document.addEventListener("mouseover", (event) => {
  const row = event.target instanceof Element ? event.target.closest("#answer .row") : null;
  if (row) mark(row.getAttribute("data-item") ?? "");
});
new MutationObserver(() => {
  const source = /** @type {any} */ (map.getSource("footprints"));
  const features = readFootprints();
  if (!source) return;
  source.setData(features);
  const bounds = boundsOf(features);
  if (bounds && !box.value) map.fitBounds(bounds, { padding: 40, maxZoom: 9 });
}).observe(/** @type {Element} */ (document.querySelector(".explore")), { childList: true });
